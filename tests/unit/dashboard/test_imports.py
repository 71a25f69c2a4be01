"""The dashboard needs the library alone: no Spark, no JAX, no reader of Delta tables, no API, no command line."""

import subprocess
import sys

BLOCKED = "pyspark delta jax jaxlib numpyro arviz deltalake fastapi api abtest_cli jobs"
PROGRAM = f"""
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BLOCKED.split()!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocker())
import dashboard.app, dashboard.report
print("fine")
"""


def test_the_dashboard_imports_no_part_of_the_pipeline() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "fine"
