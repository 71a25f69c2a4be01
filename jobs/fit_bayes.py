"""gold counts → gold/posteriors: what is believed of every arm, with proof that the sampler worked."""

from abtest_lib.pipeline.fit_bayes import JOB, fit_bayes
from abtest_lib.pipeline.job import job_main


def main() -> None:
    """Run the job."""
    job_main(JOB, str(__doc__), lambda _: {JOB: fit_bayes})


if __name__ == "__main__":
    main()
