"""Raw events → bronze and quarantine: validate, deduplicate, quarantine."""

from abtest_lib.pipeline.ingest_bronze import JOB
from abtest_lib.pipeline.job import job_main
from abtest_lib.pipeline.runner import ingesting


def main() -> None:
    """Run the job."""
    job_main(JOB, str(__doc__), lambda arguments: {JOB: ingesting(arguments.input)}, takes_input=True)


if __name__ == "__main__":
    main()
