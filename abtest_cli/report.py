"""`abtest report`: one experiment on one day as a file to mail."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from abtest_cli.addresses import check_api
from abtest_cli.options import DayOption, MaybeLakeOption

if TYPE_CHECKING:
    from abtest_lib.errors import AbtestError
    from dashboard.client import ApiError, Client

_MOST_NAMES = 500
"""The largest page of the API's list of experiments."""


def report(
    experiment: Annotated[str, typer.Argument(help="The experiment's name.")],
    lake: MaybeLakeOption = None,
    api: Annotated[str | None, typer.Option(help="The address of an API, instead of --lake.")] = None,
    day: DayOption = None,
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("report.html"),
) -> None:
    """Write a self-contained HTML report: no script, nothing loaded from elsewhere."""
    import os

    from abtest_lib.errors import MachineError, UsageError, one_line
    from dashboard.client import ApiError, Client
    from dashboard.report import write_report

    if (lake is None) == (api is None):
        raise UsageError("give either --lake, the location of the tables, or --api, the address of an API")
    if not out.parent.is_dir():
        raise UsageError(f"--out {out}: there is no directory {out.parent}")
    if out.is_dir():
        raise UsageError(f"--out {out}: is a directory; name a file, such as {out / 'report.html'}")
    if api is not None:
        check_api(api)
    with (
        _address(lake) if lake is not None else _given(str(api)) as address,
        Client(address, os.environ.get("ABTEST_DASHBOARD_KEY")) as client,
    ):
        try:
            written = write_report(client, experiment, None if day is None else f"{day:%Y-%m-%d}")
        except ApiError as error:
            raise _explained(error, client, experiment) from None
    try:
        out.write_text(written, encoding="utf-8")
    except OSError as error:
        raise MachineError(f"cannot write {out}: {one_line(error)}") from None
    typer.echo(f"{out} ({len(written.encode()) // 1_000} kB)")


def _explained(error: "ApiError", client: "Client", experiment: str) -> "AbtestError":
    """Turn an error of the API into one for the command line, with the nearest experiments for an unknown name."""
    from abtest_lib.errors import MachineError, UsageError, one_line
    from abtest_lib.near_names import suggest
    from dashboard.client import ErrorKind

    if error.kind is ErrorKind.DOWN:
        return MachineError(f"no API answers at {client.api}: start one with abtest serve, or give --lake")
    if error.kind is not ErrorKind.NO_DATA:
        return error
    page = client.experiments(limit=_MOST_NAMES)
    names = [item["name"] for item in page["experiments"]]
    may_exist = experiment.replace("|", "/") in names or page["next_cursor"] is not None
    return UsageError(one_line(error.detail) + ("" if may_exist else suggest(experiment, names)))


@contextmanager
def _given(api: str) -> Iterator[str]:
    yield api


@contextmanager
def _address(lake: str) -> Iterator[str]:
    """Serve the lake by an API while the report is written; yield its address."""
    import socket
    import tempfile
    import threading
    import time

    import uvicorn

    from abtest_lib.errors import LakeError
    from abtest_lib.storage import check_lake
    from api.http.logs import configure_logs
    from api.main import create_app
    from api.mirror.process import mirror_once
    from api.settings import load_api_settings
    from api.store.cache import Cache

    check_lake(lake)
    configure_logs("error")
    with tempfile.TemporaryDirectory(prefix="abtest-report-") as folder, socket.socket() as listener:
        settings = load_api_settings(
            lake=lake,
            cache_dir=Path(folder),
            refresh_seconds=0,
            log_requests=False,
            log_level="error",
            key_hashes=(),
        )
        cache = Cache(settings.cache_dir, settings.lake)
        cache.prepare()
        mirror_once(settings, cache)
        manifest, status = cache.read_manifest(), cache.read_status()
        if manifest is None or manifest.run_id is None:
            reason = status.problem if status is not None and status.problem else "run the pipeline first"
            raise LakeError(f"lake {lake} has no release to report: {reason}")
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(create_app(settings), log_level="error", access_log=False, lifespan="on")
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.02)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=10)
