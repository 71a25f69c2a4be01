"""bronze → silver: one row per event × experiment, purchase attribution, participants."""

from abtest_lib.pipeline.build_silver import JOB, build_silver
from abtest_lib.pipeline.job import job_main


def main() -> None:
    """Run the job."""
    job_main(JOB, str(__doc__), lambda _: {JOB: build_silver})


if __name__ == "__main__":
    main()
