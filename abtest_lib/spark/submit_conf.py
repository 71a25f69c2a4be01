"""`python -m abtest_lib.spark.submit_conf`: the settings that spark-submit needs before the JVM starts."""

import sys

from abtest_lib.config import load_settings
from abtest_lib.errors import AbtestError
from abtest_lib.spark.session import static_conf


def main() -> None:
    """Print `--conf` and `key=value` in turn, a line each."""
    for key, value in static_conf(load_settings()).items():
        sys.stdout.write(f"--conf\n{key}={value}\n")


if __name__ == "__main__":
    try:
        main()
    except AbtestError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)
