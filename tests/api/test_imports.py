"""The API runs where neither Spark nor JAX is installed."""

import subprocess
import sys

BLOCKED = "pyspark delta jax jaxlib numpyro arviz pandas streamlit"
PROGRAM = f"""
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BLOCKED.split()!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocker())
"""
SERVED = """
from api.main import create_app
from api.settings import load_api_settings
create_app(load_api_settings(lake="x")).openapi()
"""


def run(*lines: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM + "\n".join(lines)], check=True, capture_output=True, text=True, timeout=60
    ).stdout


def test_the_api_imports_neither_spark_nor_jax() -> None:
    modules = "import api.mirror, api.mirror.sync, abtest_cli.serve"
    assert run(SERVED, modules, "print('fine')").strip() == "fine"


def test_the_server_itself_loads_no_lake_reader() -> None:
    """Arrow and delta-rs belong to the mirror process; the server would start a second later with them."""
    loaded = run(SERVED, "print(*sorted({'deltalake', 'pyarrow', 'scipy'} & set(sys.modules)))")
    assert loaded.strip() == ""


def test_importing_the_application_reads_no_setting() -> None:
    assert run("import os; os.environ.clear()", "import api.main", "print('fine')").strip() == "fine"
