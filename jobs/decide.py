"""gold counts and posteriors → gold/comparisons and gold/verdicts: whether to trust the numbers, and what to do."""

from abtest_lib.pipeline.decide import DECIDE
from abtest_lib.pipeline.job import job_main


def main() -> None:
    """Run the job."""
    job_main(DECIDE.name, str(__doc__), lambda _: [DECIDE])


if __name__ == "__main__":
    main()
