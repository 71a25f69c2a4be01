"""The whole design a second time, written from its text alone: DuckDB SQL, and plain Python where that is simpler.

It shares nothing with the pipeline: not the parser, not the rules, not a query. What both get right is right.
"""

import csv
import gzip
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

FIELDS = ("event_name", "item_id", "timestamp", "site", "experiments", "user_id")
LONGEST_FIELD = 100_000
LONGEST_TIME = 40
_OFFSET = r"(?:[Zz]|(?P<sign>[+-])(?P<oh>\d\d)(?::?(?P<om>\d\d))?)"
_TIMESTAMPS = [
    re.compile(pattern + _OFFSET, re.ASCII)
    for pattern in (
        r"(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)[Tt](?P<h>\d\d)(?::(?P<n>\d\d)(?::(?P<s>\d\d)(?:[.,](?P<f>\d+))?)?)?",
        r"(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)[Tt](?P<h>\d\d)(?:(?P<n>\d\d)(?:(?P<s>\d\d)(?:[.,](?P<f>\d+))?)?)?",
    )
]
_FROM, _UNTIL = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)

Fields = tuple[str | None, ...]
Table = list[tuple[object, ...]]


@dataclass(frozen=True)
class OracleSettings:
    """What the tables depend on; `periods` and `fallback_by_experiment` are what a registry declares."""

    reporting_timezone: str = "UTC"
    conversion_event: str = "BUY"
    attribution_window: timedelta | None = None
    cross_exposed: str = "first"
    fallback_variants: tuple[str, ...] = ()
    periods: Mapping[str, Sequence[date]] = field(default_factory=dict)
    fallback_by_experiment: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ends: Mapping[str, date] = field(default_factory=dict)

    def is_arm(self, experiment: str, variant: str) -> bool:
        """Whether a variant is more than a fallback."""
        return variant not in (*self.fallback_variants, *self.fallback_by_experiment.get(experiment, ()))


@dataclass(frozen=True)
class OracleTables:
    """Every table as rows; instants are naive UTC, quarantine and bronze count equal rows."""

    rows_read: int
    duplicates: int
    bronze: Counter[Fields]
    quarantine: Counter[tuple[Fields, frozenset[str]]]
    exposures: Counter[tuple[object, ...]]
    purchases: Counter[tuple[object, ...]]
    participants: Table
    lake_daily: Table
    experiment_daily: Table
    funnel_daily: Table
    experiment_to_date: Table
    experiment_health: Table


def run_oracle(paths: Iterable[Path], settings: OracleSettings) -> OracleTables:
    """Compute every table from raw CSV files."""
    lines = [record for path in paths for record in read_csv(path)]
    distinct = dict.fromkeys(lines)
    rejected = {record: broken for record in distinct if (broken := broken_rules(record))}
    accepted = [record for record in distinct if record not in rejected]
    with duckdb.connect() as db:
        _load(db, accepted, settings)
        build_silver(db, settings)
        build_gold(db, settings)
        exposures = "user_id, timestamp, day, event_name, item_id, site, experiment_name, variant_id, flag_purchase"
        return OracleTables(
            rows_read=len(lines),
            duplicates=len(lines) - len(distinct),
            bronze=Counter(accepted),
            quarantine=Counter((record, frozenset(broken)) for record, broken in rejected.items()),
            exposures=Counter(db.execute(f"SELECT {exposures} FROM exposures").fetchall()),  # noqa: S608  constants
            purchases=Counter(db.execute("SELECT user_id, timestamp FROM purchases").fetchall()),
            participants=_rows(db, "participants"),
            lake_daily=_lake_daily(db, rejected),
            experiment_daily=_rows(db, "experiment_daily"),
            funnel_daily=_rows(db, "funnel_daily"),
            experiment_to_date=_rows(db, "experiment_to_date"),
            experiment_health=_rows(db, "experiment_health"),
        )


def _rows(db: duckdb.DuckDBPyConnection, table: str) -> Table:
    return db.execute(f"SELECT * FROM {table} ORDER BY ALL").fetchall()  # noqa: S608  a name from this module


# --- raw files -------------------------------------------------------------------------------------------------


def read_csv(path: Path) -> list[Fields]:
    """Read a file line by line; a line that cannot be split becomes a tuple of itself alone."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    lines = [line.removesuffix("\r") for line in data.decode("utf-8", "replace").split("\n")]
    header = next(csv.reader([lines[0].removeprefix("\ufeff")]))
    places = [header.index(name) for name in FIELDS]
    records: list[Fields] = []
    for line in lines[1:]:
        if line:
            values = split_line(line)
            records.append(tuple(values[place] for place in places) if len(values) == len(header) else (line,))
    return records


def split_line(line: str) -> list[str | None]:
    """Split by RFC 4180; an empty field is absent, a quoted empty one is an empty text."""
    values: list[str | None] = []
    place, end = 0, len(line)
    while place <= end:
        if line.startswith('"', place):
            stop = line.index('"', place + 1)
            while line[stop + 1 : stop + 2] == '"':
                stop = line.index('"', stop + 2)
            values.append(line[place + 1 : stop].replace('""', '"'))
            place = stop + 2
        else:
            stop = line.find(",", place)
            stop = end if stop < 0 else stop
            values.append(line[place:stop] or None)
            place = stop + 1
    return values


# --- validation ------------------------------------------------------------------------------------------------


def broken_rules(record: Fields) -> set[str]:
    """The names of the rules that a record breaks."""
    if len(record) != len(FIELDS):
        return {"malformed_row"}
    event_name, _, timestamp, _, experiments, user_id = record
    present = [value for value in record if value is not None]
    broken = {
        "field_too_long": any(len(value) > LONGEST_FIELD for value in present),
        "bad_encoding": any("\ufffd" in value for value in present),
        "null_byte": any("\x00" in value for value in present),
        "event_name_missing": not (event_name or "").strip(),
        "user_id_missing": not (user_id or "").strip(),
    }
    names = {name for name, is_broken in broken.items() if is_broken}
    return names | _timestamp_rules(timestamp) | _experiments_rules(experiments)


def _timestamp_rules(text: str | None) -> set[str]:
    if not (text or "").strip():
        return {"timestamp_missing"}
    moment = instant(text or "")
    if moment is None:
        return {"timestamp_malformed"}
    return set() if _FROM <= moment < _UNTIL else {"timestamp_out_of_range"}


def instant(text: str) -> datetime | None:
    """The instant of an ISO 8601 text with an offset; None when it is none."""
    match = next((found for pattern in _TIMESTAMPS if (found := pattern.fullmatch(text))), None)
    if match is None or len(text.encode()) >= LONGEST_TIME:
        return None
    part = {name: value or "0" for name, value in match.groupdict().items() if name != "sign"}
    fraction, beyond = part["f"][:6].ljust(6, "0"), part["f"][6:]
    is_far = part["y"] in {"0000", "9999"}  # Python's calendar may not hold these; both are out of range
    offset = timedelta(hours=int(part["oh"]), minutes=int(part["om"]))
    if int(part["om"]) > 59 or offset > timedelta(hours=18) or beyond.strip("0"):
        return None
    numbers = (int(part[name]) for name in "mdhns")
    try:
        clock = datetime(1600 if is_far else int(part["y"]), *numbers, int(fraction), tzinfo=UTC)
    except ValueError:
        return None
    sign = match["sign"]
    return clock + offset if sign == "-" else clock - offset


def _experiments_rules(text: str | None) -> set[str]:
    if not (text or "").strip():
        return {"experiments_missing"}
    pairs = exposures_of(text or "")
    if pairs is None:
        return {"experiments_malformed"}
    names = [name for name, _ in pairs]
    return set() if len(names) == len(set(names)) else {"experiment_named_twice"}


@cache
def exposures_of(text: str) -> list[tuple[str, str]] | None:
    """The experiments and variants of a raw field; None when it is malformed."""
    if not (text.startswith("{") and text.endswith("}") and len(text) >= 2):
        return None
    inner = text[1:-1]
    if not inner:
        return []
    pairs = []
    for part in inner.split(", "):
        name, equals, variant = part.rpartition("=")
        is_trimmed = name == name.strip() and variant == variant.strip()
        if not equals or not name or not variant or not is_trimmed or set(part) & set("{},"):
            return None
        pairs.append((name, variant))
    return pairs


# --- silver ----------------------------------------------------------------------------------------------------


def variant_order(variant: str) -> tuple[int, int, str]:
    """Numbers as numbers and before other ids."""
    return (0, int(variant), variant) if re.fullmatch(r"\d+", variant, re.ASCII) else (1, 0, variant)


def _load(db: duckdb.DuckDBPyConnection, accepted: Sequence[Fields], settings: OracleSettings) -> None:
    zone = ZoneInfo(settings.reporting_timezone)
    moments = [instant(record[2] or "") or _FROM for record in accepted]
    naive = [moment.replace(tzinfo=None) for moment in moments]
    names = pa.array(["row", "event_name", "item_id", "site", "user_id", "timestamp", "day"])
    columns = [
        pa.array(range(len(accepted)), pa.int64()),
        *(pa.array([record[place] for record in accepted], pa.string()) for place in (0, 1, 3, 5)),
        pa.array(naive, pa.timestamp("us")),
        pa.array([moment.astimezone(zone).date() for moment in moments], pa.date32()),
    ]
    create_table(db, "events", dict(zip(names.to_pylist(), columns, strict=True)))
    load_exposures(db, [record[4] or "" for record in accepted], settings)


def load_exposures(db: duckdb.DuckDBPyConnection, texts: Sequence[str], settings: OracleSettings) -> None:
    """Create `exposed` and `variants` from the experiments of each event, whose number is its `row`."""
    exposures = [(row, *pair) for row, text in enumerate(texts) for pair in exposures_of(text) or []]
    types = {"row": pa.int64(), "experiment_name": pa.string(), "variant_id": pa.string()}
    create_table(db, "exposed", {n: pa.array([e[i] for e in exposures], t) for i, (n, t) in enumerate(types.items())})
    variants = sorted({(name, variant) for _, name, variant in exposures}, key=lambda pair: variant_order(pair[1]))
    create_table(
        db,
        "variants",
        {
            "experiment_name": pa.array([name for name, _ in variants], pa.string()),
            "variant_id": pa.array([variant for _, variant in variants], pa.string()),
            "rank": pa.array(range(len(variants)), pa.int64()),
            "is_arm": pa.array([settings.is_arm(*pair) for pair in variants], pa.bool_()),
        },
    )


def create_table(db: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, pa.Array]) -> None:
    """Create a table from Arrow columns."""
    db.register("arrow_table", pa.table(dict(columns)))
    db.execute(f"CREATE TABLE {name} AS SELECT * FROM arrow_table")  # noqa: S608  a name from this module
    db.unregister("arrow_table")


def build_silver(db: duckdb.DuckDBPyConnection, settings: OracleSettings) -> None:
    """Create participants and everything before them from `events`, `exposed` and `variants`."""
    window = settings.attribution_window
    seconds = "NULL" if window is None else str(window // timedelta(seconds=1))
    db.execute(f"""
        CREATE MACRO in_time(bought, seen) AS
            bought >= seen AND coalesce(bought <= seen + to_seconds({seconds}::BIGINT), true)
    """)
    db.execute(
        "CREATE TABLE purchases AS SELECT user_id, timestamp, day FROM events WHERE event_name = ?",
        [settings.conversion_event],
    )
    db.execute("""
        CREATE TABLE flags AS
        SELECT e.row, bool_or(coalesce(in_time(p.timestamp, e.timestamp), false)) AS flag_purchase
        FROM events e LEFT JOIN (SELECT DISTINCT user_id, timestamp FROM purchases) p USING (user_id) GROUP BY e.row
    """)
    db.execute("""
        CREATE TABLE exposures AS
        SELECT e.*, x.experiment_name, x.variant_id, f.flag_purchase
        FROM exposed x JOIN events e USING (row) JOIN flags f USING (row)
    """)
    db.execute("""
        CREATE TABLE seen AS
        SELECT experiment_name, user_id, variant_id, rank, is_arm,
               min(timestamp) AS first_exposed_at, min(day) AS first_day
        FROM exposures JOIN variants USING (experiment_name, variant_id) GROUP BY ALL
    """)
    db.execute("""
        CREATE TABLE converted AS
        SELECT s.experiment_name, s.user_id, s.variant_id, min(p.timestamp) AS converted_at, min(p.day) AS converted_on
        FROM seen s JOIN purchases p ON p.user_id = s.user_id AND in_time(p.timestamp, s.first_exposed_at) GROUP BY ALL
    """)
    db.execute("""
        CREATE TABLE arms AS
        SELECT *, row_number() OVER (PARTITION BY experiment_name, user_id ORDER BY first_exposed_at, rank) AS place
        FROM seen WHERE is_arm
    """)
    db.execute("""
        CREATE TABLE people AS
        SELECT s.*, c.converted_at, c.converted_on, coalesce(a.place, 0) AS place,
               second.first_exposed_at AS cross_exposed_at, second.first_day AS crossed_on
        FROM seen s
        LEFT JOIN converted c USING (experiment_name, user_id, variant_id)
        LEFT JOIN arms a USING (experiment_name, user_id, variant_id)
        LEFT JOIN arms second
          ON second.experiment_name = s.experiment_name AND second.user_id = s.user_id AND second.place = 2 AND s.is_arm
    """)
    db.execute("""
        CREATE TABLE participants AS
        SELECT experiment_name, user_id, variant_id, first_exposed_at, converted_at, cross_exposed_at FROM people
    """)


# --- gold ------------------------------------------------------------------------------------------------------


def build_gold(db: duckdb.DuckDBPyConnection, settings: OracleSettings) -> None:
    """Create the tables of gold that hold counts."""
    for table, keys in (
        ("experiment_daily", "day, experiment_name, variant_id"),
        ("funnel_daily", "day, event_name, experiment_name, variant_id"),
    ):
        db.execute(f"""
            CREATE TABLE {table} AS
            SELECT {keys}, count(DISTINCT user_id) AS users,
                   count(DISTINCT user_id) FILTER (flag_purchase) AS purchases
            FROM exposures GROUP BY ALL
        """)  # noqa: S608  names from this function
    _build_ends(db, settings)
    _build_periods(db, settings)
    _build_to_date(db, settings.cross_exposed)
    db.execute("""
        CREATE TABLE experiment_health AS
        WITH crossed AS (SELECT DISTINCT experiment_name, user_id, crossed_on FROM people WHERE crossed_on IS NOT NULL),
        entered AS (SELECT experiment_name, user_id, min(day) AS entered_on FROM exposures GROUP BY ALL)
        SELECT d.day, d.experiment_name,
               (SELECT count(DISTINCT user_id) FROM exposures x
                WHERE x.day = d.day AND x.experiment_name = d.experiment_name),
               (SELECT count(*) FROM entered x WHERE x.entered_on <= d.day AND x.experiment_name = d.experiment_name),
               (SELECT count(*) FROM crossed x WHERE x.crossed_on = d.day AND x.experiment_name = d.experiment_name),
               (SELECT count(*) FROM crossed x WHERE x.crossed_on <= d.day AND x.experiment_name = d.experiment_name),
               d.first_day, d.day - d.first_day + 1
        FROM days d
    """)


def _build_periods(db: duckdb.DuckDBPyConnection, settings: OracleSettings) -> None:
    declared = [(name, start) for name, starts in settings.periods.items() for start in starts]
    create_table(
        db,
        "declared",
        {
            "experiment_name": pa.array([name for name, _ in declared], pa.string()),
            "start": pa.array([start for _, start in declared], pa.date32()),
        },
    )
    db.execute("""
        CREATE TABLE days AS
        WITH first AS (SELECT experiment_name, min(day) AS first_day FROM exposures GROUP BY ALL)
        SELECT DISTINCT x.experiment_name, x.day, f.first_day,
               coalesce((SELECT max(p.start) FROM declared p
                         WHERE p.experiment_name = x.experiment_name AND p.start <= x.day), f.first_day) AS period_start
        FROM (SELECT experiment_name, day FROM exposures
              UNION SELECT experiment_name, converted_on FROM people
              UNION SELECT experiment_name, day FROM ends) x
        JOIN first f ON f.experiment_name = x.experiment_name AND f.first_day <= x.day
    """)


def _build_ends(db: duckdb.DuckDBPyConnection, settings: OracleSettings) -> None:
    """Registered ends before the last day that has at least a twentieth of a typical day's users."""
    users = db.execute("SELECT day, count(DISTINCT user_id) FROM events GROUP BY day ORDER BY day").fetchall()
    typical = sum(number**2 for _, number in users) / max(1, sum(number for _, number in users))
    newest = max((day for day, number in users if number >= typical / 20), default=date.min)
    passed = [(name, end) for name, end in settings.ends.items() if end < newest]
    columns = {"experiment_name": pa.string(), "day": pa.date32()}
    create_table(db, "ends", {n: pa.array([row[i] for row in passed], t) for i, (n, t) in enumerate(columns.items())})


def _lake_daily(db: duckdb.DuckDBPyConnection, rejected: Iterable[Fields]) -> Table:
    """Users and events of each day, and the rejected rows whose time begins with it."""
    days = Counter(record[2][:10] for record in rejected if len(record) == len(FIELDS) and record[2])
    rows = db.execute("SELECT day, count(DISTINCT user_id), count(*) FROM events GROUP BY day ORDER BY day").fetchall()
    return [(day, users, events, days[str(day)]) for day, users, events in rows]


def _build_to_date(db: duckdb.DuckDBPyConnection, policy: str) -> None:
    """One row per day, experiment and variant seen so far in the period; whom it counts is the policy's choice."""
    counted = "true" if policy == "include" else "(p.place = 1 OR NOT p.is_arm)"
    staying = "(p.crossed_on IS NULL OR p.crossed_on > r.day)" if policy == "exclude" else "true"
    db.execute(f"""
        CREATE TABLE experiment_to_date AS
        WITH rows AS (
            SELECT DISTINCT d.day, d.experiment_name, d.period_start, x.variant_id
            FROM days d JOIN (SELECT DISTINCT experiment_name, variant_id, day FROM exposures) x
              ON x.experiment_name = d.experiment_name AND x.day BETWEEN d.period_start AND d.day)
        SELECT r.day, r.experiment_name, r.variant_id, r.period_start,
               count(p.user_id) FILTER ({staying}),
               count(p.user_id) FILTER ({staying} AND p.converted_on <= r.day),
               count(p.user_id) FILTER (p.crossed_on <= r.day),
               count(p.user_id) FILTER (p.crossed_on <= r.day AND p.converted_on <= r.day)
        FROM rows r LEFT JOIN people p
          ON p.experiment_name = r.experiment_name AND p.variant_id = r.variant_id
         AND p.first_day BETWEEN r.period_start AND r.day AND {counted}
        GROUP BY ALL
    """)  # noqa: S608  conditions from this function
