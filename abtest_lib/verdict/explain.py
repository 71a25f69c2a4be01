"""One sentence with the numbers in it, for somebody who has to act on a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from abtest_lib.contracts.enums import Decision
from abtest_lib.verdict.reasons import REASONS, Weight, sentence_of

_MAX_LISTED = 6


@dataclass(frozen=True, slots=True)
class Facts:
    """What a sentence is made of; None where there is no such number.

    Attributes:
        day: The as-of day.
        decision: A `Decision`'s value.
        reasons: Reason codes, the heaviest first.
        arm: The arm to ship, else the one with the largest difference.
        control: The control.
        users: Users of the arm.
        purchases: Those who converted.
        control_users: Users of the control.
        control_purchases: Those who converted.
        lower: Lower end of what the looks have left of the difference, a proportion, by the day of the decision that
            stands, else by that day; None before the first look, for an interval of one day says nothing about daily
            looks.
        upper: Upper end of it.
        arms: Arms with users, the control among them.
        decided_on: The day of the decision that stands.
        counts: Arm, its users and its expected users, in order of id.
        ratio_p_value: p-value of the sample-ratio test.
        cross_exposed_share: Users who saw several arms, of all.
        small: The smallest arm that has too few conversions for a test, its users and those who converted.
        stray_days: Days that hold too few users to be counted.
    """

    day: date
    decision: str
    reasons: Sequence[str]
    arm: str | None
    control: str | None
    users: float
    purchases: float
    control_users: float
    control_purchases: float
    lower: float | None
    upper: float | None
    arms: int
    decided_on: date | None
    counts: Sequence[tuple[str, float, float]]
    ratio_p_value: float | None
    cross_exposed_share: float | None
    small: tuple[str, float, float] | None = None
    stray_days: Sequence[date] = ()


def explain(facts: Facts) -> str:
    """Say what was decided and on which numbers.

    Examples:
        >>> explain(Facts(date(2021, 8, 9), "ship", ["proven_gain"], "B", "A", 10_000, 600, 10_000, 500, 0.0012, 0.0190,
        ...               2, date(2021, 8, 9), [], None, None))
        'Ship B: it converts 6.00 % against 5.00 % for the control A (+20.0 %), and a gain of at least 0.12 percentage
        points is proven.'
    """
    return _decided(facts) + _strays(facts.stray_days)


def _decided(facts: Facts) -> str:
    if facts.decision == Decision.SHIP:
        return _told(facts, f"Ship {facts.arm}", "it", facts.lower, "gain")
    if facts.decision == Decision.KEEP_CONTROL:
        return _keep(facts)
    return _invalid(facts) if facts.decision == Decision.INVALID else _inconclusive(facts)


def _strays(days: Sequence[date]) -> str:
    if not days:
        return ""
    listed = ", ".join(str(day) for day in days[:_MAX_LISTED]) + (", …" if len(days) > _MAX_LISTED else "")
    return f" Too few users to count: {listed}."


def _keep(facts: Facts) -> str:
    start = f"Keep {_control(facts)}"
    if "proven_loss" not in facts.reasons:
        said = "the planned end was reached and no arm was proven better"
        if _is_standing(facts):
            today = f"today {facts.arm} {_rates(facts)}"
            return f"{start}, as decided on {facts.decided_on}: {said}{_range(facts)}; {today}."
        return f"{start}: {said}; {facts.arm} {_rates(facts)}{_range(facts)}."
    if facts.arms == 2:  # noqa: PLR2004  a pair
        return _told(facts, start, str(facts.arm), None if facts.upper is None else -facts.upper, "loss")
    if _is_standing(facts):
        worse = f"as decided on {facts.decided_on}, when every other arm was proven worse"
        return f"{start}, {worse}; today the best of them, {facts.arm} {_rates(facts)}."
    return f"{start}: every other arm is proven worse; the best of them, {facts.arm} {_rates(facts)}."


def _told(facts: Facts, start: str, subject: str, proven: float | None, kind: str) -> str:
    """A decision with what is proven and today's counts: these may have moved since the day of the decision."""
    amount = "" if proven is None or proven <= 0 else f"a {kind} of at least {_points(proven)} percentage points"
    if _is_standing(facts):
        when = f", when {amount} was proven" if amount else ""
        return f"{start}, as decided on {facts.decided_on}{when}; today {subject} {_rates(facts)}."
    return f"{start}: {subject} {_rates(facts)}{f', and {amount} is proven' if amount else ''}."


def _inconclusive(facts: Facts) -> str:
    weights = {code: REASONS[code].weight for code in facts.reasons}
    withheld = [code for code, weight in weights.items() if weight is Weight.WITHHOLDS]
    if facts.arm is None:
        causes = withheld or [code for code, weight in weights.items() if weight is Weight.EXPLAINS]
        return f"No decision: {_phrase(causes[0]) if causes else 'there is nothing to compare yet'}."
    told = f"{facts.arm} {_rates(facts)}{_range(facts)}"
    if withheld:
        return f"No decision: {_phrase(withheld[0])}{_detail(facts, withheld[0])}; so far {told}."
    if "too_few_conversions" in facts.reasons and facts.small is not None:
        arm, users, purchases = facts.small
        few = f"{purchases:,.0f} of {users:,.0f} users of {arm} and "
        few += f"{facts.control_purchases:,.0f} of {facts.control_users:,.0f} of {_control(facts)} converted"
        return f"No decision yet: {few}, and a test expects 10 in the smaller arm who do, and 10 who do not."
    open_reasons = [
        c for c, w in weights.items() if w is Weight.EXPLAINS and c not in {"not_proven", "posterior_missing"}
    ]
    cause = f"; {_phrase(open_reasons[0])}" if open_reasons else ""
    return f"No decision yet: {told}{cause}."


def _invalid(facts: Facts) -> str:
    cause = next(code for code in facts.reasons if REASONS[code].weight is Weight.INVALIDATES)
    return f"Do not use these numbers: {_phrase(cause)}{_detail(facts, cause)}."


def _detail(facts: Facts, code: str) -> str:
    if code in {"sample_ratio_mismatch", "sample_ratio_mismatch_before_exclusion", "allocation_undeclared"}:
        shown = facts.counts[:_MAX_LISTED]
        listed = ", ".join(f"{arm}: {users:,.0f} (expected {expected:,.0f})" for arm, users, expected in shown)
        p_value = "" if facts.ratio_p_value is None else f"; {_p_value(facts.ratio_p_value)}"
        more = ", …" if len(facts.counts) > _MAX_LISTED else ""
        return f" – users by arm: {listed}{more}{p_value}"
    if code in {"cross_exposure_too_high", "cross_exposure_imbalanced"} and facts.cross_exposed_share is not None:
        return f" – {_percent(facts.cross_exposed_share)} of the users saw several"
    if facts.counts:
        listed = ", ".join(f"{arm}: {users:,.0f}" for arm, users, _ in facts.counts[:_MAX_LISTED])
        return f" – users by arm: {listed}{', …' if len(facts.counts) > _MAX_LISTED else ''}"
    return ""


def _rates(facts: Facts) -> str:
    p, p0 = facts.purchases / facts.users, facts.control_purchases / facts.control_users
    lift = f" ({p / p0 - 1:+.1%})".replace("%", " %") if p0 > 0 else ""
    return f"converts {_percent(p)} against {_percent(p0)} for {_control(facts)}{lift}"


def _control(facts: Facts) -> str:
    """The control by its name; one that is called so is not named twice."""
    is_plain = (facts.control or "").strip().lower() == "control"
    return "the control" if is_plain else f"the control {facts.control}"


def _range(facts: Facts) -> str:
    if facts.lower is None or facts.upper is None or facts.lower > facts.upper:
        return ""
    ends = f"{_points(facts.lower, sign=True)} and {_points(facts.upper, sign=True)}"
    return f"; the true difference may lie anywhere between {ends} percentage points"


def _is_standing(facts: Facts) -> bool:
    return facts.decided_on not in {None, facts.day}


def _phrase(code: str) -> str:
    sentence = sentence_of(code).rstrip(".")
    return sentence[0].lower() + sentence[1:]


def _p_value(p_value: float) -> str:
    return "p < 0.0001" if p_value < 0.0001 else f"p = {p_value:.4f}"  # noqa: PLR2004  what a person reads


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _points(difference: float, *, sign: bool = False) -> str:
    points = 100 * difference
    digits = 2 if abs(points) >= 0.01 or points == 0 else 4  # noqa: PLR2004  a hundredth of a point
    return f"{points:+.{digits}f}" if sign else f"{points:.{digits}f}"
