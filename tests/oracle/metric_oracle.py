"""gold/metric_to_date a second time: DuckDB SQL over the rows of bronze, from the definitions in docs/metrics.md.

It shares nothing with the pipeline but the declarations of metrics and experiments. A total is an integer of
millionths, so every sum is exact until it becomes a double.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from abtest_lib.config import Settings
from abtest_lib.metrics import Catalogue, Measure, Metric
from abtest_lib.registry import Experiment, Registry
from tests.oracle.duckdb_oracle import OracleSettings, Table, build_gold, build_silver, create_table, load_exposures

_MICRO = 1_000_000
_MOST_VALUES = 20
_MICROSECOND = timedelta(microseconds=1)


def metric_to_date_oracle(
    db: duckdb.DuckDBPyConnection, bronze: pa.Table, settings: Settings, registry: Registry, catalogue: Catalogue
) -> Table:
    """Compute the rows of gold/metric_to_date.

    Args:
        db: An empty database.
        bronze: The rows of bronze/events.
        settings: The settings of the lake.
        registry: The experiments.
        catalogue: The metrics, `purchase` among them.

    Returns:
        The rows, with the columns in the order of the contract.
    """
    declared = _oracle_settings(settings, registry)
    _load(db, bronze, declared)
    build_silver(db, declared)
    build_gold(db, declared)
    _build_counted(db, settings.cross_exposed)
    _build_segments(db, registry)
    _build_members(db, settings.cross_exposed)
    _build_day_ends(db, settings.reporting_timezone)
    rows = [row for metric in catalogue.metrics.values() for row in _rows_of(db, metric)]
    return sorted(rows, key=lambda row: tuple(map(str, row[:5])))


def _oracle_settings(settings: Settings, registry: Registry) -> OracleSettings:
    experiments = registry.experiments
    return OracleSettings(
        reporting_timezone=settings.reporting_timezone,
        conversion_event=settings.conversion_event,
        attribution_window=settings.attribution_window,
        cross_exposed=str(settings.cross_exposed),
        fallback_variants=settings.fallback_variants,
        periods={name: _period_starts(experiment) for name, experiment in experiments.items()},
        fallback_by_experiment={name: experiment.fallback_variants for name, experiment in experiments.items()},
        ends={name: experiment.end for name, experiment in experiments.items() if experiment.end},
    )


def _period_starts(experiment: Experiment) -> list[date]:
    """Return the start, and each day from which the declared split is another one."""
    starts = [experiment.start]
    for before, after in zip(experiment.allocations, experiment.allocations[1:], strict=False):
        if dict(before.entries) != dict(after.entries):
            starts.append(after.starts)
    return [start for start in starts if start is not None]


def _load(db: duckdb.DuckDBPyConnection, bronze: pa.Table, settings: OracleSettings) -> None:
    """Create `events` with all columns of bronze, instants in naive UTC, and the day in the reporting time zone."""
    zone = ZoneInfo(settings.reporting_timezone)
    instants = bronze["timestamp"].cast(pa.timestamp("us", "UTC"))
    days = [moment.astimezone(zone).date() for moment in instants.to_pylist()]
    columns = {name: bronze[name] for name in bronze.column_names if name not in {"timestamp", "day", "row"}}
    columns |= {"timestamp": instants.cast(pa.timestamp("us")), "day": pa.array(days, pa.date32())}
    create_table(db, "events", columns | {"row": pa.array(range(len(bronze)), pa.int64())})
    load_exposures(db, bronze["experiments"].to_pylist(), settings)


def _build_counted(db: duckdb.DuckDBPyConnection, policy: str) -> None:
    """Everybody whom an arm may count: the first arm of a user and fallbacks, or every arm under `include`."""
    counted = "true" if policy == "include" else "place = 1 OR NOT is_arm"
    db.execute(f"""
        CREATE TABLE counted AS
        SELECT row_number() OVER () AS id, experiment_name, user_id, variant_id, first_exposed_at, first_day, crossed_on
        FROM people WHERE {counted}
    """)  # noqa: S608  a condition from this function


def _build_segments(db: duckdb.DuckDBPyConnection, registry: Registry) -> None:
    """The segments of each participant: `all`, and one for each declared column."""
    db.execute("CREATE TABLE segments AS SELECT id, 'all' AS segment FROM counted")
    for experiment in registry.experiments.values():
        for column in experiment.segments:
            db.execute(
                f"""
                INSERT INTO segments
                WITH first AS (
                    SELECT c.id, c.user_id, c.first_day, e."{column}" AS value
                    FROM counted c
                    JOIN exposed x USING (experiment_name, variant_id)
                    JOIN events e ON e.row = x.row AND e.user_id = c.user_id AND e.timestamp = c.first_exposed_at
                    WHERE c.experiment_name = $name
                    QUALIFY row_number() OVER (PARTITION BY c.id ORDER BY e.row_id) = 1),
                days AS (
                    SELECT value, first_day, count(DISTINCT user_id) AS users FROM first
                    WHERE value IS NOT NULL GROUP BY value, first_day
                    QUALIFY row_number() OVER (PARTITION BY value ORDER BY first_day) = 1),
                kept AS (SELECT value FROM days ORDER BY first_day, users DESC, value LIMIT {_MOST_VALUES})
                SELECT id, $column || '=' || CASE WHEN value IS NULL THEN 'none'
                    WHEN value IN (SELECT value FROM kept) THEN value ELSE 'other' END
                FROM first
                """,  # noqa: S608  a declared column
                {"name": experiment.name, "column": column},
            )


def _build_members(db: duckdb.DuckDBPyConnection, policy: str) -> None:
    """`cells`: the keys of the rows, and `members`: the participants that each day, arm and segment counts.

    On each day all arms of an experiment have the same segments: those of the users who have entered the period.
    """
    staying = "c.crossed_on IS NULL OR c.crossed_on > r.day" if policy == "exclude" else "true"
    db.execute("""
        CREATE TABLE cells AS
        SELECT DISTINCT r.day, r.experiment_name, r.variant_id, s.segment, r.period_start
        FROM experiment_to_date r
        JOIN counted c ON c.experiment_name = r.experiment_name AND c.first_day BETWEEN r.period_start AND r.day
        JOIN segments s USING (id)
        UNION
        SELECT day, experiment_name, variant_id, 'all', period_start FROM experiment_to_date
    """)
    db.execute(f"""
        CREATE TABLE members AS
        SELECT r.day, r.experiment_name, r.variant_id, c.id, c.first_exposed_at
        FROM experiment_to_date r
        JOIN counted c ON c.experiment_name = r.experiment_name AND c.variant_id = r.variant_id
             AND c.first_day BETWEEN r.period_start AND r.day
        WHERE {staying}
    """)  # noqa: S608  a condition from this function


def _build_day_ends(db: duckdb.DuckDBPyConnection, timezone: str) -> None:
    """The instant at which each day ends."""
    days = [day for (day,) in db.execute("SELECT DISTINCT day FROM experiment_to_date").fetchall()]
    ends = [datetime.combine(day + timedelta(days=1), time(), ZoneInfo(timezone)).astimezone(UTC) for day in days]
    naive = pa.array([end.replace(tzinfo=None) for end in ends], pa.timestamp("us"))
    create_table(db, "day_ends", {"day": pa.array(days, pa.date32()), "ends_at": naive})


def _rows_of(db: duckdb.DuckDBPyConnection, metric: Metric) -> Sequence[tuple[object, ...]]:
    has_y, has_c = metric.denominator is not None, metric.lookback is not None
    cap = _MICRO if metric.is_proportion else _micros(metric.cap)
    db.execute(_totals(metric))
    db.execute(f"""
        CREATE OR REPLACE TEMP TABLE valued AS
        SELECT * EXCLUDE (x, c), least(x, {cap}) AS x, least(c, {cap}) AS c, x > {_micros(metric.cap)} AS is_capped
        FROM (
            SELECT m.*, coalesce(sum(t.x) FILTER (NOT t.is_before AND t.day <= m.day), 0)::HUGEINT AS x,
                   coalesce(sum(t.y) FILTER (NOT t.is_before AND t.day <= m.day), 0)::HUGEINT AS y,
                   coalesce(sum(t.x) FILTER (t.is_before), 0)::HUGEINT AS c
            FROM members m LEFT JOIN totals t USING (id)
            GROUP BY ALL)
    """)  # noqa: S608  numbers from this function
    return db.execute(
        f"""
        SELECT k.day, k.experiment_name, k.variant_id, $metric, k.segment, k.period_start, count(v.id),
               {_sum("x")}, {_sum("x", "x")},
               {", ".join(_sum(*pair, is_there=has_y) for pair in (("y",), ("y", "y"), ("x", "y")))},
               {", ".join(_sum(*pair, is_there=has_c) for pair in (("c",), ("c", "c"), ("x", "c")))},
               {_sum("y", "c", is_there=has_y and has_c)},
               {"NULL" if metric.cap is None else "count(*) FILTER (v.is_capped)"},
               {"NULL" if metric.window is None else f"count(*) FILTER ({_is_closed(metric)})"}
        FROM cells k
        JOIN day_ends d USING (day)
        LEFT JOIN (SELECT v.*, s.segment FROM valued v JOIN segments s USING (id)) v
          ON v.day = k.day AND v.experiment_name = k.experiment_name AND v.variant_id = k.variant_id
         AND v.segment = k.segment
        GROUP BY ALL
        """,  # noqa: S608  numbers and conditions from this module
        {"metric": metric.name},
    ).fetchall()


def _totals(metric: Metric) -> str:
    """What the events of each day add to a participant, in the window after the first exposure and before it."""
    opens, closes, looks_back = metric.starts_after, metric.window, metric.lookback
    within = [f"e.timestamp >= c.first_exposed_at + {_interval(opens)}"]
    if closes is not None:
        comparison = "<" if metric.type == "retention" else "<="
        within.append(f"e.timestamp {comparison} c.first_exposed_at + {_interval(closes)}")
    before = "false"
    if looks_back is not None:
        before = f"e.timestamp >= c.first_exposed_at - {_interval(looks_back)} AND e.timestamp < c.first_exposed_at"
    return f"""
        CREATE OR REPLACE TEMP TABLE totals AS
        SELECT c.id, e.day, {before} AS is_before, sum({_added(metric.numerator)}) AS x,
               sum({_added(metric.denominator) if metric.denominator else "0"}) AS y
        FROM counted c JOIN events e USING (user_id)
        WHERE ({" AND ".join(within)}) OR ({before})
        GROUP BY ALL
    """  # noqa: S608  conditions of declared metrics


def _added(measure: Measure) -> str:
    """The millionths that an event adds. Spark escapes quotes by a backslash, DuckDB doubles them."""
    predicate = measure.events.replace("\\\\", "\x00").replace("\\'", "''").replace("\x00", "\\")
    value = str(_MICRO) if measure.value is None else f'round(e."{measure.value}" * {_MICRO})'
    return f"CASE WHEN {predicate} THEN coalesce({value}, 0)::HUGEINT ELSE 0 END"


def _sum(left: str, right: str | None = None, *, is_there: bool = True) -> str:
    if not is_there:
        return "NULL"
    product = f"v.{left}" if right is None else f"v.{left} * v.{right}"
    return f"coalesce(sum({product}), 0)::DOUBLE / {_MICRO if right is None else _MICRO**2}"


def _is_closed(metric: Metric) -> str:
    """Whether no later event can count; the instant of the limit counts, except for a retention."""
    comparison = "<=" if metric.type == "retention" else "<"
    return f"v.first_exposed_at + {_interval(metric.window or timedelta())} {comparison} d.ends_at"


def _micros(number: float | None) -> str | int:
    return "NULL" if number is None else round(number * _MICRO)


def _interval(length: timedelta) -> str:
    return f"to_microseconds({length // _MICROSECOND})"
