"""Publish the gold tables as they are: readers see all of them change at once."""

from abtest_lib.pipeline.job import job_main
from abtest_lib.pipeline.release import PUBLISH_RELEASE


def main() -> None:
    """Run the job."""
    job_main(PUBLISH_RELEASE.name, str(__doc__), lambda _: [PUBLISH_RELEASE])


if __name__ == "__main__":
    main()
