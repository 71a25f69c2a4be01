"""The same tables by DuckDB, as Parquet: the limit of what one machine can do without Spark's and Delta's promises.

No second run, no transactions, no history; bronze, silver and gold are written once.

    python benchmarks/etl/duckdb_etl.py EVENTS.csv OUTPUT_FOLDER TIME_ZONE
"""

import json
import sys
import time
from pathlib import Path

import duckdb

TABLES = {
    "bronze": """
        SELECT DISTINCT event_name, item_id, timestamp::TIMESTAMPTZ AS timestamp, site, experiments, user_id
        FROM read_csv('{source}', header = true, all_varchar = true)
        WHERE trim(event_name) <> '' AND trim(user_id) <> '' AND experiments LIKE '{{%}}'
          AND try_cast(timestamp AS TIMESTAMPTZ) BETWEEN TIMESTAMPTZ '2000-01-01' AND TIMESTAMPTZ '2100-01-01'
    """,
    "purchases": "SELECT user_id, timestamp FROM bronze WHERE event_name = 'BUY'",
    "maps": """
        SELECT experiments, regexp_replace(pair, '=[^=]*$', '') AS experiment_name,
               regexp_extract(pair, '[^=]*$') AS variant_id
        FROM (SELECT experiments, unnest(string_split(experiments[2:-2], ', ')) AS pair
              FROM (SELECT DISTINCT experiments FROM bronze) WHERE experiments <> '{{}}')
    """,
    "flagged": """
        SELECT b.*, (timestamp AT TIME ZONE '{timezone}')::DATE AS day,
               coalesce(last_bought >= timestamp, false) AS flag_purchase
        FROM bronze b
        LEFT JOIN (SELECT user_id, max(timestamp) AS last_bought FROM purchases GROUP BY 1) USING (user_id)
    """,
    "exposures": """
        SELECT user_id, timestamp, day, event_name, item_id, site, experiment_name, variant_id, flag_purchase
        FROM flagged JOIN maps USING (experiments)
    """,
    "participants": """
        WITH seen AS (
            SELECT experiment_name, user_id, variant_id, min(first) AS first_exposed_at
            FROM (SELECT user_id, experiments, min(timestamp) AS first FROM bronze GROUP BY ALL)
            JOIN maps USING (experiments) GROUP BY ALL),
        bought AS (SELECT user_id, list(timestamp) AS times FROM purchases GROUP BY 1)
        SELECT seen.*, list_min(list_filter(times, lambda t: t >= first_exposed_at)) AS converted_at,
               nth_value(first_exposed_at, 2) OVER (
                   PARTITION BY experiment_name, user_id ORDER BY first_exposed_at
                   ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS cross_exposed_at
        FROM seen LEFT JOIN bought USING (user_id)
    """,
    "events_of_users": """
        SELECT day, user_id, event_name, experiment_name, variant_id, bool_or(flag_purchase) AS is_buyer
        FROM (SELECT day, user_id, event_name, experiments, bool_or(flag_purchase) AS flag_purchase
              FROM flagged GROUP BY ALL)
        JOIN maps USING (experiments) GROUP BY ALL
    """,
    "funnel_daily": """
        SELECT day, event_name, experiment_name, variant_id, count(*) AS users, count_if(is_buyer) AS purchases
        FROM events_of_users GROUP BY ALL
    """,
    "experiment_daily": """
        SELECT day, experiment_name, variant_id, count(*) AS users, count_if(is_buyer) AS purchases
        FROM (SELECT day, user_id, experiment_name, variant_id, bool_or(is_buyer) AS is_buyer
              FROM events_of_users GROUP BY ALL) GROUP BY ALL
    """,
    "experiment_to_date": """
        WITH first_arm AS (
            SELECT experiment_name, arg_min(variant_id, first_exposed_at) AS variant_id, user_id,
                   min(first_exposed_at) AS entered, arg_min(converted_at, first_exposed_at) AS converted,
                   min(cross_exposed_at) AS crossed
            FROM participants GROUP BY experiment_name, user_id),
        counted AS (
            SELECT experiment_name, variant_id, (entered AT TIME ZONE '{timezone}')::DATE AS entered,
                   (converted AT TIME ZONE '{timezone}')::DATE AS converted,
                   (crossed AT TIME ZONE '{timezone}')::DATE AS crossed, count(*) AS people
            FROM first_arm GROUP BY ALL)
        SELECT d.day, d.experiment_name, c.variant_id, min(c.entered) AS period_start, sum(people) AS users,
               sum(people) FILTER (converted <= d.day) AS purchases,
               sum(people) FILTER (crossed <= d.day) AS cross_exposed_users,
               sum(people) FILTER (crossed <= d.day AND converted <= d.day) AS cross_exposed_purchases
        FROM (SELECT DISTINCT day, experiment_name FROM experiment_daily) d
        JOIN counted c ON c.experiment_name = d.experiment_name AND c.entered <= d.day GROUP BY ALL
    """,
    "experiment_health": """
        WITH daily AS (
            SELECT day, experiment_name, count(DISTINCT user_id) AS participants FROM events_of_users GROUP BY ALL),
        people AS (
            SELECT experiment_name, (min(first_exposed_at) AT TIME ZONE '{timezone}')::DATE AS entered,
                   (min(cross_exposed_at) AT TIME ZONE '{timezone}')::DATE AS crossed
            FROM participants GROUP BY experiment_name, user_id),
        counted AS (SELECT experiment_name, entered, crossed, count(*) AS people FROM people GROUP BY ALL)
        SELECT d.day, d.experiment_name, d.participants, sum(people) AS participants_to_date,
               sum(people) FILTER (crossed = d.day) AS cross_exposed_users,
               sum(people) FILTER (crossed <= d.day) AS cross_exposed_users_to_date, min(entered) AS first_day
        FROM daily d JOIN counted c ON c.experiment_name = d.experiment_name AND c.entered <= d.day GROUP BY ALL
    """,
}
HELPERS = {"maps", "flagged", "events_of_users"}


def main() -> None:
    """Run and print what it took."""
    source, output, timezone = sys.argv[1:4]
    Path(output).mkdir(parents=True)
    began = time.perf_counter()
    with duckdb.connect(f"{output}/scratch.duckdb") as db:
        db.execute("SET TimeZone = 'UTC'")
        db.execute("SET preserve_insertion_order = false")
        for name, query in TABLES.items():
            kind = "VIEW" if name == "exposures" else "TABLE"
            db.execute(f"CREATE {kind} {name} AS {query.format(source=source, timezone=timezone)}")
            if name not in HELPERS:
                db.execute(f"COPY {name} TO '{output}/{name}.parquet' (COMPRESSION zstd)")
    seconds = time.perf_counter() - began
    Path(output, "scratch.duckdb").unlink()
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
