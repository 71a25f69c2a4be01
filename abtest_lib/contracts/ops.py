"""Ops: what ran, and what the API may serve."""

from abtest_lib.contracts.table import Column, TableContract

RELEASES = TableContract(
    layer="ops",
    name="releases",
    grain="published run",
    columns=(
        Column("run_id", "string", "the run that published"),
        Column("published_at", "timestamp", "when, UTC"),
        Column("versions", "map<string,bigint>", "table (`gold/…`) to Delta version"),
    ),
    key=("run_id",),
)

RUNS = TableContract(
    layer="ops",
    name="runs",
    grain="job run",
    columns=(
        Column("run_id", "string", "one for all the jobs of a pipeline run"),
        Column("job", "string", "the step, e.g. ingest_bronze"),
        Column("status", "string", "`succeeded`, `failed`, or `started`: a rebuild of tables has begun"),
        Column("started_at", "timestamp", "UTC"),
        Column("finished_at", "timestamp", "UTC"),
        Column("rows_read", "bigint", "rows that the step read"),
        Column("rows_written", "bigint", "rows that the step added or changed"),
        Column("rows_quarantined", "bigint", "rows that the step sent to quarantine"),
        Column("duplicates", "bigint", "rows that were there already"),
        Column("input_versions", "map<string,bigint>", "table to the Delta version that was read"),
        Column("output_versions", "map<string,bigint>", "table to the Delta version that the step wrote"),
        Column("config_hash", "string", "hash of the settings that the tables depend on"),
        Column("code_version", "string", "version of the suite"),
        Column("rows_forgotten", "bigint", "rows left out because they are of people forgotten", nullable=True),
    ),
    key=("run_id", "job"),
)

FORGOTTEN = TableContract(
    layer="ops",
    name="forgotten",
    grain="person forgotten",
    columns=(
        Column("user_hash", "string", "SHA-256 of salt and user id, in hexadecimal"),
        Column("salt", "string", "a random text, the same in the whole lake"),
        Column("forgotten_at", "timestamp", "when, UTC"),
    ),
    key=("user_hash",),
)
"""Exists only where someone was forgotten."""
