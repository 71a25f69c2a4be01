"""Publish the gold tables as they are: readers see all of them change at once."""

from abtest_lib.pipeline.job import job_main
from abtest_lib.pipeline.release import JOB, publish_release


def main() -> None:
    """Run the job."""
    job_main(JOB, str(__doc__), lambda _: {JOB: publish_release})


if __name__ == "__main__":
    main()
