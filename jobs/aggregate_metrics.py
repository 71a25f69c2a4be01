"""bronze and silver → gold: sums of every metric over the users of each arm and segment."""

from abtest_lib.pipeline.aggregate_metrics import AGGREGATE_METRICS
from abtest_lib.pipeline.job import job_main


def main() -> None:
    """Run the job."""
    job_main(AGGREGATE_METRICS.name, str(__doc__), lambda _: [AGGREGATE_METRICS])


if __name__ == "__main__":
    main()
