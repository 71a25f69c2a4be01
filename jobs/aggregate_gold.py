"""silver → gold: users and purchases by day, to date and by step of the funnel; nothing per user."""

from abtest_lib.pipeline.aggregate_gold import AGGREGATE_GOLD
from abtest_lib.pipeline.job import job_main


def main() -> None:
    """Run the job."""
    job_main(AGGREGATE_GOLD.name, str(__doc__), lambda _: [AGGREGATE_GOLD])


if __name__ == "__main__":
    main()
