"""bronze → silver: one row per event × experiment, purchase attribution, participants."""

from abtest_lib.pipeline.build_silver import BUILD_SILVER
from abtest_lib.pipeline.job import job_main


def main() -> None:
    """Run the job."""
    job_main(BUILD_SILVER.name, str(__doc__), lambda _: [BUILD_SILVER])


if __name__ == "__main__":
    main()
