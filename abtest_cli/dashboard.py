"""`abtest dashboard`: the dashboard of a running API."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from abtest_cli.addresses import check_api, check_port


def dashboard(
    api: Annotated[
        str | None, typer.Option(help="The address of the API; else ABTEST_DASHBOARD_API, else http://127.0.0.1:8000.")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Where to listen.")] = 8501,
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
) -> None:
    """Show the verdicts in a browser; `abtest serve` must be running, here or elsewhere.

    If the API needs a key, it is read from ABTEST_DASHBOARD_KEY.
    """
    from importlib.util import find_spec

    from abtest_lib.errors import MachineError

    if find_spec("streamlit") is None:
        raise MachineError("the dashboard needs Streamlit: install abtest-suite with its extra `dashboard`")
    if api is not None:
        check_api(api)
        os.environ["ABTEST_DASHBOARD_API"] = api
    script = find_spec("dashboard")
    if script is None or script.origin is None:
        raise MachineError("the package `dashboard` is not installed: install abtest-suite whole")
    check_port(host, port)
    app = Path(script.origin).with_name("app.py")
    typer.echo(f"dashboard: http://{host}:{port}")
    sys.stdout.flush()
    options = ["--server.port", str(port), "--server.address", host]
    # Streamlit takes over this process, so that signals reach it.
    os.environ["PYTHONSAFEPATH"] = "1"  # nothing in the working folder may shadow a package
    os.execv(sys.executable, [sys.executable, "-P", "-m", "streamlit", "run", str(app), *options])  # noqa: S606
