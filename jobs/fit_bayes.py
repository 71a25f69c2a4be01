"""gold counts → gold/posteriors: the posterior of every arm, with diagnostics of the sampler."""

from abtest_lib.pipeline.fit_bayes import FIT_BAYES
from abtest_lib.pipeline.job import job_main


def main() -> None:
    """Run the job."""
    job_main(FIT_BAYES.name, str(__doc__), lambda _: [FIT_BAYES])


if __name__ == "__main__":
    main()
