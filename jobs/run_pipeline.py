"""The whole pipeline: raw events → published gold tables."""

from abtest_lib.pipeline.job import job_main
from abtest_lib.pipeline.runner import all_steps


def main() -> None:
    """Run the job."""
    job_main("run_pipeline", str(__doc__), lambda arguments: all_steps(arguments.input), takes_input=True)


if __name__ == "__main__":
    main()
