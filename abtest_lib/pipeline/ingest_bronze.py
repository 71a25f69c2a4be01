"""Raw files → bronze/events and quarantine/events: validate, deduplicate, quarantine."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abtest_lib.contracts import EVENTS, QUARANTINE, TableContract
from abtest_lib.errors import ConservationError, InputError, one_line
from abtest_lib.ingest.raw_events import find_source, read_raw_events
from abtest_lib.ingest.wanted_columns import WantedColumns
from abtest_lib.pipeline.events import note_of_arrival
from abtest_lib.pipeline.history import forgotten_people
from abtest_lib.pipeline.rejected_examples import rejected_examples
from abtest_lib.pipeline.run import Run
from abtest_lib.pipeline.step import Outcome, SimpleStep
from abtest_lib.spark.concurrency import in_background
from abtest_lib.spark.frame_cache import persisted
from abtest_lib.spark.row_counter import RowCounter
from abtest_lib.spark.session import fit_shuffles
from abtest_lib.spark.small_frames import literal_rows
from abtest_lib.storage import delta_rs_location, local_folder
from abtest_lib.transforms.event_format import EventFormat
from abtest_lib.transforms.forgotten import mark_forgotten
from abtest_lib.transforms.raw import (
    add_row_id,
    add_time_and_row_checks,
    add_validity,
    as_bronze,
    as_quarantine,
    count_by_map,
    number_copies,
    repartition_by_user,
)
from abtest_lib.transforms.spellings import join_spellings, two_users, two_variants

JOB = "ingest_bronze"


@dataclass(frozen=True, slots=True)
class InputSummary:
    """Counts over the whole input, before anything is written.

    Attributes:
        rows: Rows read.
        valid: Rows that break no rule.
        dates: The UTC dates of the valid rows.
        has_odd_id: Whether a user id may be a spelling of another.
    """

    rows: int
    valid: int
    dates: tuple[date, ...]
    has_odd_id: bool = False


@dataclass(frozen=True, slots=True)
class RowCounts:
    """Counts of the rows that go to one table.

    Attributes:
        read: Rows read.
        copies: Rows equal to another of the same input.
        known: Rows that the table had already.
        written: Rows that the commit added.
    """

    read: int
    copies: int
    known: int
    written: int

    @property
    def is_conserved(self) -> bool:
        """Whether every row is accounted for."""
        return self.read == self.copies + self.known + self.written


def ingest_bronze(path: str) -> SimpleStep:
    """Return the step that ingests raw events: a file, a folder or a glob of CSV, JSON lines or Parquet."""
    return SimpleStep(JOB, partial(_ingest, path=path))


def _ingest(run: Run, path: str) -> Outcome:
    """Ingest the raw events of an input.

    Raises:
        InputError: The input cannot be read as events; the lake is as it was.
        ConservationError: Rows read differ from new + duplicates + quarantined + forgotten.
    """
    reject_overlap(path, run.lake.path)
    source = find_source(run.lake.session, path)
    fit_shuffles(run.lake.session, run.settings, source.text_bytes)
    raw = read_raw_events(run.lake.session, source, WantedColumns.of(run.settings))
    frame = join_spellings(raw.frame) if run.settings.normalize_ids else raw.frame
    checked = add_time_and_row_checks(repartition_by_user(frame), _format(run))
    rows = mark_forgotten(checked, forgotten_people(run.lake))
    # Rows are read twice, and parsing text costs more than persisting the result. Hashes are cheaper to compute again.
    with persisted(rows) as rows, persisted(count_by_map(rows.where("NOT is_forgotten"))) as map_counts:
        summary = _summarize(map_counts)
        has_rejects = summary.valid < summary.rows
        judged = add_validity(rows, map_counts) if has_rejects else rows.withColumn("is_valid", F.lit(True))
        notices = list(raw.notices)
        look = partial(_note_spellings, rows if summary.has_odd_id else None, map_counts, notices)
        with in_background(partial(_make_quarantine, run)), in_background(look):
            accepted, total, forgotten = _write_bronze(run, judged, summary)
        rejected = _write_quarantine(run, judged, total - forgotten - accepted.read)
    _check_conservation(path, total - forgotten, accepted, rejected)
    nothing = (f"the input {path} holds no rows: nothing to do",) if total == 0 else ()
    is_empty = accepted.written == 0 and run.lake[EVENTS].read().isEmpty()
    if is_empty and total:
        nothing = (f"no row of {path} is a valid event, and the lake holds none: there is nothing to build",)
    return Outcome(
        rows_read=total,
        rows_written=accepted.written,
        rows_quarantined=rejected.written,
        rows_forgotten=forgotten,
        duplicates=accepted.copies + accepted.known + rejected.copies + rejected.known,
        output_versions=run.lake.versions(EVENTS, QUARANTINE),
        quarantined_by_rule=_by_rule(run) if rejected.written else {},
        examples=rejected_examples(_rejected_now(run)) if rejected.written else {},
        notices=(*notices, *nothing),
        ends_run=is_empty,
    )


def _format(run: Run) -> EventFormat:
    return EventFormat.of(run.settings, run.latest_event)


def _bronze_shape(run: Run) -> Callable[[DataFrame], DataFrame]:
    return partial(as_bronze, ingested_at=run.started_at, columns=run.settings.event_columns)


def reject_overlap(path: str, lake: str) -> None:
    """Refuse an input that lies in the lake, or a lake that lies in the input.

    Raises:
        InputError: They overlap.
    """
    source, target = local_folder(path), local_folder(lake)
    if source is None or target is None:
        inner, outer = (f"{delta_rs_location(place).rstrip('/')}/" for place in (path, lake))
        overlap = inner.startswith(outer) or outer.startswith(inner)
    else:
        source, target = source.resolve(), target.resolve()
        overlap = source.is_relative_to(target) or (source.is_dir() and target.is_relative_to(source))
    if overlap:
        raise InputError(f"the input {path} and the lake {lake} overlap: give an input outside the lake")


def _summarize(map_counts: DataFrame) -> InputSummary:
    valid = F.when(F.size("map_faults") == 0, F.col("sound")).otherwise(0)
    dates = F.collect_set(F.when(valid > 0, F.col("event_date")))
    has_odd_id = F.max("has_odd_id").alias("has_odd_id")
    sums = map_counts.agg(
        F.sum("rows").alias("rows"), F.sum(valid).alias("valid"), dates.alias("dates"), has_odd_id
    ).first()
    if sums is None or sums["rows"] is None:
        return InputSummary(0, 0, ())
    return InputSummary(sums["rows"], sums["valid"], tuple(sorted(sums["dates"])), bool(sums["has_odd_id"]))


def _note_spellings(rows: DataFrame | None, map_counts: DataFrame, notices: list[str]) -> None:
    """Add a notice of each kind of id that is spelt in two ways and counted as two, with an example."""
    users = None if rows is None else two_users(rows).first()
    if users is not None:
        pair = f"{_shown(users['first'])} and {_shown(users['second'])}"
        notices.append(f"user ids {pair} are counted as two users: write ids alike, or set normalize_ids")
    variants = two_variants(map_counts).first()
    if variants is not None:
        pair = f"{_shown(variants['first'])} and {_shown(variants['second'])}"
        name = one_line(variants["experiment_name"], 80)
        notices.append(
            f"variants {pair} of experiment {name} are counted as two arms: write them alike, or set normalize_ids"
        )


def _shown(spelling: str) -> str:
    return f"'{spelling[:40]}'" if spelling.isprintable() else ascii(spelling[:40])


def _write_bronze(run: Run, rows: DataFrame, summary: InputSummary) -> tuple[RowCounts, int, int]:
    """Write the valid rows; return their counts, the number of all rows, and that of rows of people forgotten."""
    accepted = F.col("is_valid") & ~F.col("is_forgotten")
    read = RowCounter(all=F.count(F.lit(1)), valid=F.count_if(accepted), forgotten=F.count_if("is_forgotten"))
    valid = read.on(rows).where(accepted).drop("is_valid", "is_forgotten", "is_sound")
    known, shape = partial(_known_rows, run, summary.dates), _bronze_shape(run)
    numbered = number_copies(add_row_id(valid, run.settings.event_columns), "user_id", "event_time")
    counts = _write_new(run, numbered, known, EVENTS, shape, note_of_arrival(run.started_at))
    seen = read.counts()
    return RowCounts(seen["valid"], counts.copies, counts.known, counts.written), seen["all"], seen["forgotten"]


def _known_rows(run: Run, dates: tuple[date, ...], version: int) -> DataFrame:
    """Return the row_ids of bronze on the dates of the input; no other can equal one of the input's rows."""
    bronze = run.lake[EVENTS].read(version)
    return bronze.where(F.col("event_date").isin(list(dates))).select("row_id")


def _make_quarantine(run: Run) -> None:
    if run.lake[QUARANTINE].last_commit() is None:
        run.lake[QUARANTINE].append(literal_rows(run.lake.session, [], QUARANTINE.types))


def _write_quarantine(run: Run, rows: DataFrame, rejected: int) -> RowCounts:
    if rejected == 0:
        return RowCounts(0, 0, 0, 0)
    invalid = rows.where("NOT is_valid AND NOT is_forgotten").drop("is_valid", "is_forgotten", "is_sound")
    shape = partial(as_quarantine, quarantined_at=run.started_at, form=_format(run))
    counts = _write_new(
        run,
        number_copies(add_row_id(invalid, run.settings.event_columns)),
        partial(_known_rejects, run),
        QUARANTINE,
        shape,
    )
    return RowCounts(rejected, counts.copies, counts.known, counts.written)


def _known_rejects(run: Run, version: int) -> DataFrame:
    return run.lake[QUARANTINE].read(version).select("row_id").distinct()


def _write_new(
    run: Run,
    rows: DataFrame,
    known: Callable[[int], DataFrame],
    contract: TableContract,
    shape: Callable[[DataFrame], DataFrame],
    note: str | None = None,
) -> RowCounts:
    """Append the numbered rows that are neither copies nor in the table; count copies, known and written rows."""
    copies, again = RowCounter(rows=F.count_if(F.col("copy") > 1)), RowCounter(rows=F.count_if("is_known"))
    new = copies.on(rows).where("copy = 1").drop("copy")
    before = run.lake[contract].last_commit()
    if before is not None:
        marked = new.join(known(before.version).withColumn("is_known", F.lit(True)), "row_id", "left")
        new = again.on(marked).where("is_known IS NULL").drop("is_known")
    commit = run.lake[contract].append(shape(new), note)
    already = again.counts()["rows"] if before is not None else 0
    return RowCounts(0, copies.counts()["rows"], already, commit.rows_changed)


def _check_conservation(path: str, total: int, accepted: RowCounts, rejected: RowCounts) -> None:
    if accepted.is_conserved and rejected.is_conserved:
        return
    raise ConservationError(
        f"of {total} rows read from {path}, {accepted.written} are new, "
        f"{accepted.copies + accepted.known + rejected.copies + rejected.known} duplicates and {rejected.written} "
        "quarantined, which does not add up: the input changed while it was read, or a worker was lost; run again"
    )


def _rejected_now(run: Run) -> DataFrame:
    return run.lake[QUARANTINE].read().where(F.col("quarantined_at") == F.lit(run.started_at))


def _by_rule(run: Run) -> dict[str, int]:
    counts = _rejected_now(run).select(F.explode("failed_rules").alias("rule")).groupBy("rule").count().collect()
    return {row["rule"]: row["count"] for row in sorted(counts, key=lambda row: (-row["count"], row["rule"]))}
