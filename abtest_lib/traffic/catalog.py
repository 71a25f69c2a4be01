"""The experiments in synthetic traffic, with their true effects."""

from collections.abc import Mapping
from dataclasses import dataclass, field

SEARCH_PAGE, PRODUCT_PAGE, CHECKOUT_PAGE = "search", "product", "checkout"
PAGES = (SEARCH_PAGE, PRODUCT_PAGE, CHECKOUT_PAGE)
PAGE_KINDS = 4
"""Every page comes in four kinds; an experiment of reach r is on the first r of them."""

FALLBACK = "DEFAULT"
"""The variant of a session that was not assigned to any arm."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm.

    Attributes:
        variant_id: The variant's id.
        share: The share of users that really get the arm; the shares of an experiment are scaled to sum to one.
        lift: The relative change of a session's chance to go on to the checkout (for an experiment on the checkout:
            to buy there), a ratio: 0.1 is ten percent more.
        declared: The share that was declared; None when it is the real one.
        amount: The relative change of the amount of a purchase, a ratio. Like the next two it needs event columns.
        searches: The relative change of the searches of a session, a ratio, at least 0.
        devices: The lift on a device where it differs from `lift`, by device.
    """

    variant_id: str
    share: float
    lift: float = 0.0
    declared: float | None = None
    amount: float = 0.0
    searches: float = 0.0
    devices: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment; the first arm is its control.

    Attributes:
        name: The experiment's name.
        pages: The pages that show it: search, product, checkout.
        arms: The arms, control first; none at all means that every session gets the fallback.
        reach: How many of the four kinds of a page show it.
        cross_exposed: The share of users who are assigned again in every session.
        fallback: The share of sessions that get the fallback instead of an arm.
        starts: Its start, as a share of the whole time.
        planned: Whether its allocation and its end are declared beforehand.
        note: What it demonstrates.
        goals: The metrics of which one must be proven better; empty for purchases.
        guardrails: The metrics that must not be worse, each with its margin as the registry writes it.
        segments: The event columns by which results are broken down.
    """

    name: str
    pages: tuple[str, ...]
    arms: tuple[Arm, ...]
    reach: int = PAGE_KINDS
    cross_exposed: float = 0.0
    fallback: float = 0.0
    starts: float = 0.0
    planned: bool = False
    note: str = ""
    goals: tuple[str, ...] = ()
    guardrails: Mapping[str, str] = field(default_factory=dict)
    segments: tuple[str, ...] = ()

    @property
    def shares(self) -> tuple[float, ...]:
        """The real shares of the arms, summing to one."""
        total = sum(arm.share for arm in self.arms)
        return tuple(arm.share / total for arm in self.arms)


def _even(*lifts: float, first_id: int) -> tuple[Arm, ...]:
    return tuple(Arm(str(first_id + position), 1 / len(lifts), lift) for position, lift in enumerate(lifts))


_SEARCH, _PRODUCT, _CHECKOUT = (SEARCH_PAGE,), (PRODUCT_PAGE,), (CHECKOUT_PAGE,)

DEFAULT_EXPERIMENTS: tuple[Experiment, ...] = (
    Experiment(
        "search/new-ranking",
        _SEARCH,
        _even(0.0, 0.35, first_id=4915),
        planned=True,
        cross_exposed=0.004,
        note="a clear gain that was planned: ships",
    ),
    Experiment(
        "search/more-ads",
        _SEARCH,
        _even(0.0, -0.35, first_id=3808),
        planned=True,
        note="a clear loss: keep_control",
    ),
    Experiment(
        "search/price-badge",
        _SEARCH,
        (Arm("5001", 0.4), Arm("5002", 0.3, 0.4), Arm("5003", 0.3, -0.4)),
        planned=True,
        note="one clearly good and one clearly bad arm",
    ),
    Experiment(
        "filters/sort-by-ranking", _SEARCH, _even(0.0, 0.0, 0.0, first_id=6971), reach=3, note="three arms, no effect"
    ),
    Experiment("search/aa-test", _SEARCH, _even(0.0, 0.0, first_id=4514), reach=3, note="A/A"),
    Experiment(
        "search/map|list-view",
        _SEARCH,
        (Arm("809", 0.9), Arm("810", 0.1, 0.05)),
        reach=2,
        planned=True,
        note="unequal split, an effect too small to be seen",
    ),
    Experiment("searchbackend/item-reputation", _SEARCH, (Arm("3824", 1.0),), note="rolled out: one arm"),
    Experiment("frontend/assets-cdn", _SEARCH, (), note="nothing but the fallback"),
    Experiment("search/remove-tag", PAGES, (Arm("4954", 1.0),), fallback=0.002, note="on every page, one arm"),
    Experiment("cookies-consent", PAGES, (Arm("6686", 1.0),), fallback=0.99, note="hardly anyone is assigned"),
    Experiment(
        "vip/gallery-carousel",
        _PRODUCT,
        (Arm("6786", 0.55, 0.0, 0.5), Arm("6787", 0.45, 0.0, 0.5)),
        planned=True,
        note="declared half and half, delivered 55 to 45: invalid by sample-ratio mismatch",
    ),
    Experiment(
        "pdp/reviews-first",
        _PRODUCT,
        _even(0.0, 0.0, first_id=4856),
        cross_exposed=0.6,
        planned=True,
        note="users who return change arms: invalid by cross-exposure",
    ),
    Experiment(
        "vip/shipping-promise",
        _PRODUCT,
        _even(0.0, 0.06, first_id=6551),
        fallback=0.01,
        note="an effect too small to be seen",
    ),
    Experiment(
        "vip/show-financing",
        _PRODUCT,
        _even(0.0, 0.0, first_id=6430),
        reach=3,
        planned=True,
        note="no effect by the planned end: futility",
    ),
    Experiment("vip/seller-with-tooltip", _PRODUCT, (Arm("4692", 1.0),), reach=2, note="rolled out: one arm"),
    Experiment("vip/box-messages", _PRODUCT, (Arm("6440", 1.0),), fallback=0.005, note="rolled out: one arm"),
    Experiment(
        "buyingflow/address-hub", _CHECKOUT, _even(0.0, 0.0, first_id=3574), planned=True, note="A/A on few users"
    ),
    Experiment(
        "buyingflow/one-page", _CHECKOUT, _even(0.0, 0.1, first_id=2874), starts=0.5, note="starts in the middle"
    ),
    Experiment("buyingflow/secure-card", _CHECKOUT, (Arm("4612", 1.0),), note="rolled out: one arm"),
)
