"""Raw events → bronze and quarantine: validate, deduplicate, quarantine."""

from abtest_lib.pipeline.ingest_bronze import JOB, ingest_bronze
from abtest_lib.pipeline.job import job_main


def main() -> None:
    """Run the job."""
    job_main(JOB, str(__doc__), lambda arguments: [ingest_bronze(arguments.input)], takes_input=True)


if __name__ == "__main__":
    main()
