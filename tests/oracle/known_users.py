"""400 users of a linear congruential generator, whose sums and comparisons are known from an independent program."""

from dataclasses import dataclass

SITES = ("MLA", "MLB", "MLM")


@dataclass(frozen=True)
class KnownUser:
    """One user; `pre` and `revenue` are amounts before and after the exposure."""

    variant: str
    site: str
    pre: float
    sessions: int
    orders: int
    revenue: float


def known_users() -> list[KnownUser]:
    """Return the users; the variants A and B alternate."""
    state = 20261126

    def u() -> float:
        nonlocal state
        state = (1103515245 * state + 12345) % 2**31
        return state / 2**31

    users = []
    for i in range(400):
        variant = "B" if i % 2 else "A"
        site, pre, sessions = SITES[int(3 * u())], int(u() * u() * 400) / 4, 1 + int(6 * u())
        orders = sum(u() < (0.20 if variant == "B" else 0.15) for _ in range(sessions))
        bonus = 0.5 * pre * (u() < 0.5)
        revenue = round(bonus + orders * (10 + int(u() * u() * 360) / 4) * (1.1 if variant == "B" else 1.0), 2)
        users.append(KnownUser(variant, site, pre, sessions, orders, revenue))
    return users
