"""Make events from sessions: name, item, time, site and experiments."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from abtest_lib.traffic.amounts import draw_amounts
from abtest_lib.traffic.catalog import FALLBACK, PAGE_KINDS, PAGES, Experiment
from abtest_lib.traffic.devices import DEVICES, devices_on
from abtest_lib.traffic.hashing import Floats, Integers, stream_key, uniforms
from abtest_lib.traffic.regulars import regulars_for
from abtest_lib.traffic.sessions import (
    BUY,
    CHECKOUT,
    EVENT_NAMES,
    FIRST_IS_SEARCH,
    LATER_IS_SEARCH,
    Sessions,
    amount_factors,
    draw_sessions,
    is_shown,
    page_keys,
)

USERS_PER_BLOCK = 65_536
"""Users are drawn in blocks of this size, so that memory does not grow with their number."""

SITES, SITE_BOUNDS = ("MLA", "MLB", "MLM"), np.array([0.6, 0.85])
KIND_BOUNDS = np.array([0.4, 0.7, 0.9])
# Sessions that start in each hour of the day, as in the evening-heavy traffic of a marketplace.
_HOURS = np.array([16, 9, 4, 2, 2, 4, 9, 24, 51, 72, 81, 75, 70, 70, 85, 79, 92, 98, 79, 110, 100, 90, 70, 40], float)
_DAY_MS = 86_400_000
FIELDS = ("event_name", "item_id", "timestamp", "site", "experiments", "user_id")
COLUMNS = {"price": "double", "device": "string"}
"""The event columns, as the setting `event_columns` declares them."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What to generate.

    Attributes:
        users: How many users there are; each comes at least once.
        days: How many days.
        seed: The seed; equal settings and seeds give equal bytes.
        start: The first day.
        timezone: The time zone of the users' clocks, an IANA name.
        experiments: The experiments with their true effects.
        dirty: The share of rows that are corrupted or unusual.
        columns: Whether events have a price and a device, and some users come and buy regularly.
        correlation: The correlation of a user's revenue from week to week; only with `columns`.
    """

    users: int
    days: int
    seed: int
    start: date
    timezone: str
    experiments: tuple[Experiment, ...]
    dirty: float = 0.0
    columns: bool = False
    correlation: float = 0.5


@dataclass(slots=True)
class Rows:
    """Raw events, one list per column; None is an absent value.

    Price and device are None where events do not have these columns.
    """

    event_name: list[str | None]
    item_id: list[str | None]
    timestamp: list[str | None]
    site: list[str | None]
    experiments: list[str | None]
    user_id: list[str | None]
    price: list[str | None] | None = None
    device: list[str | None] | None = None

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.event_name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in the order of a file."""
        return FIELDS if self.price is None else (*FIELDS, *COLUMNS)


class EventSource:
    """Draw events day by day and block by block."""

    def __init__(self, traffic: Traffic) -> None:
        self.traffic = traffic
        self._zone = ZoneInfo(traffic.timezone)
        self._texts: dict[tuple[int, int], str] = {}
        self._regulars = regulars_for(traffic.correlation) if traffic.columns else None

    def blocks(self, day: int) -> Iterator[tuple[np.random.Generator, Rows]]:
        """Yield the events of one day, a block of users at a time, each ordered by time.

        Args:
            day: The day's number, from 0.

        Yields:
            The block's random generator, for later draws, and its rows.
        """
        traffic = self.traffic
        for block, first in enumerate(range(0, traffic.users, USERS_PER_BLOCK)):
            rng = np.random.default_rng([traffic.seed, day, block])
            users = np.arange(first, min(first + USERS_PER_BLOCK, traffic.users))
            sessions = draw_sessions(rng, traffic.seed, users, day, traffic.days, traffic.experiments, self._regulars)
            if len(sessions.users):
                yield rng, self._rows(rng, sessions, day)

    def _rows(self, rng: np.random.Generator, sessions: Sessions, day: int) -> Rows:
        of_session = np.repeat(np.arange(len(sessions.users)), sessions.lengths)
        kinds = _event_kinds(rng, sessions, of_session)
        times = _times(rng, sessions, of_session)
        order = np.argsort(times, kind="stable")
        of_session, kinds, times = of_session[order], kinds[order], times[order]
        users = sessions.users[of_session]
        site_of = np.searchsorted(SITE_BOUNDS, uniforms(stream_key(self.traffic.seed, "site"), users), side="right")
        rows = Rows(
            event_name=[EVENT_NAMES[kind] for kind in kinds.tolist()],
            item_id=_items(rng, len(sessions.users), of_session, kinds),
            timestamp=self._timestamps(day, times),
            site=[SITES[site] for site in site_of.tolist()],
            experiments=self._experiments(rng, sessions, of_session, kinds),
            user_id=[str(user) for user in (users + 1).tolist()],
        )
        if self.traffic.columns:
            rows.price = self._prices(rng, sessions, of_session, kinds)
            rows.device = [DEVICES[device] for device in devices_on(self.traffic.seed, users, day).tolist()]
        return rows

    def _prices(
        self, rng: np.random.Generator, sessions: Sessions, of_session: Integers, kinds: Integers
    ) -> list[str | None]:
        """Return the amount of each purchase; None for other events."""
        purchases = np.flatnonzero(kinds == BUY)
        bought_in = of_session[purchases]
        factors = amount_factors(sessions, self.traffic.experiments)[bought_in]
        amounts = draw_amounts(rng, self.traffic.seed, sessions.users[bought_in], factors)
        prices: list[str | None] = [None] * len(kinds)
        for place, amount in zip(purchases.tolist(), amounts, strict=True):
            prices[place] = amount
        return prices

    def _experiments(
        self, rng: np.random.Generator, sessions: Sessions, of_session: Integers, kinds: Integers
    ) -> list[str | None]:
        page_kind = np.searchsorted(KIND_BOUNDS, rng.random(len(kinds)), side="right")
        page = np.minimum(kinds, CHECKOUT) * PAGE_KINDS + page_kind
        keys = page_keys(sessions, self.traffic.experiments)[of_session, page]
        result = np.empty(len(kinds), object)
        for number in range(len(PAGES) * PAGE_KINDS):
            here = np.flatnonzero(page == number)
            distinct, inverse = np.unique(keys[here], return_inverse=True)
            texts = np.array([self._text(number, key) for key in distinct.tolist()], object)
            result[here] = texts[inverse]
        texts_of_rows: list[str | None] = result.tolist()
        return texts_of_rows

    def _text(self, page: int, key: int) -> str:
        if (page, key) not in self._texts:
            name, kind = PAGES[page // PAGE_KINDS], page % PAGE_KINDS
            shown = [experiment for experiment in self.traffic.experiments if is_shown(experiment, name, kind)]
            self._texts[page, key] = experiments_text(shown, key)
        return self._texts[page, key]

    def _timestamps(self, day: int, times: Integers) -> list[str | None]:
        """Write ISO 8601 with milliseconds and the offset of the zone, also on days when clocks change."""
        midnight = self._instant(day)
        length_ms = int((self._instant(day + 1) - midnight).total_seconds() * 1000)
        elapsed = times * length_ms // _DAY_MS
        hours = [(midnight + timedelta(hours=hour)).astimezone(self._zone) for hour in range(26)]
        offsets = [moment.utcoffset() or timedelta() for moment in hours]
        offset_of_hour = np.array([round(offset.total_seconds()) for offset in offsets])
        offset_of_row = offset_of_hour[elapsed // 3_600_000]
        clock = np.datetime64(midnight.replace(tzinfo=None), "ms") + elapsed + offset_of_row * 1000
        suffix = {
            round(offset.total_seconds()): moment.strftime("%z") for offset, moment in zip(offsets, hours, strict=True)
        }
        texts = np.datetime_as_string(clock, unit="ms").tolist()
        return [text + suffix[offset] for text, offset in zip(texts, offset_of_row.tolist(), strict=True)]

    def _instant(self, day: int) -> datetime:
        date_of_day = self.traffic.start + timedelta(days=day)
        return datetime.combine(date_of_day, time(), self._zone).astimezone(UTC)


def experiments_text(shown: Sequence[Experiment], key: int) -> str:
    """Write `{name=variant, name=variant}` from the digits of the experiments that are shown.

    Args:
        shown: The experiments of the page, in order.
        key: Their digits in mixed radix, as `page_keys` makes them.

    Returns:
        The raw field.

    Examples:
        >>> from abtest_lib.traffic.catalog import Arm
        >>> shown = [Experiment("a", ("search",), (Arm("1", 0.5), Arm("2", 0.5))), Experiment("b", ("search",), ())]
        >>> experiments_text(shown, 2 + 4 * 1)
        '{a=2, b=DEFAULT}'
    """
    parts = []
    for experiment in shown:
        key, digit = divmod(key, len(experiment.arms) + 2)
        if digit > len(experiment.arms):
            parts.append(f"{experiment.name}={FALLBACK}")
        elif digit:
            parts.append(f"{experiment.name}={experiment.arms[digit - 1].variant_id}")
    return "{" + ", ".join(parts) + "}"


def _event_kinds(rng: np.random.Generator, sessions: Sessions, of_session: Integers) -> Integers:
    """Draw searches and products, then the steps of the checkout, the last of which is the purchase."""
    starts = np.cumsum(sessions.lengths) - sessions.lengths
    position = np.arange(len(of_session)) - starts[of_session]
    is_product = rng.random(len(of_session)) < np.where(position == 0, 1 - FIRST_IS_SEARCH, 1 - LATER_IS_SEARCH)
    if sessions.more_searches is not None:
        is_product &= position < (sessions.browsing - sessions.more_searches)[of_session]
    step = position - sessions.browsing[of_session]
    return np.where(step >= 0, CHECKOUT + step, is_product).astype(np.int64)


def _times(rng: np.random.Generator, sessions: Sessions, of_session: Integers) -> Integers:
    """Draw milliseconds since midnight; a session that would pass midnight is shortened to end before it."""
    hour = rng.choice(24, len(sessions.users), p=_HOURS / _HOURS.sum())
    began = (hour + rng.random(len(sessions.users))) * 3_600_000 * 0.995
    gaps: Floats = 1000 + rng.standard_exponential(len(of_session)) * 28_000
    ends = np.cumsum(sessions.lengths)
    running = np.cumsum(gaps)
    before = np.concatenate([[0.0], running[ends[:-1] - 1]])
    passed, lasted = running - before[of_session], running[ends - 1] - before
    scale = np.minimum(1.0, (_DAY_MS - 1 - began) / lasted)
    times: Integers = (began[of_session] + passed * scale[of_session]).astype(np.int64)
    return times


def _items(rng: np.random.Generator, sessions: int, of_session: Integers, kinds: Integers) -> list[str | None]:
    """Draw items: none for a search, one per session for its checkout; some items are far more popular."""
    popular = 1e8 + 9e8 * rng.random(len(kinds)) ** 3
    wanted = 1e8 + 9e8 * rng.random(sessions) ** 3
    items = np.where(kinds >= CHECKOUT, wanted[of_session], popular).astype(np.int64)
    return [str(item) if kind else None for item, kind in zip(items.tolist(), kinds.tolist(), strict=True)]
