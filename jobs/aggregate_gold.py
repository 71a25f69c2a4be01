"""silver → gold: users and purchases by day, to date and by step of the funnel; nothing per user."""

from abtest_lib.pipeline.aggregate_gold import JOB, aggregate_gold
from abtest_lib.pipeline.job import job_main


def main() -> None:
    """Run the job."""
    job_main(JOB, str(__doc__), lambda _: {JOB: aggregate_gold})


if __name__ == "__main__":
    main()
