"""`abtest serve`: the API over a lake."""

import os
from pathlib import Path
from typing import Annotated

import typer

from abtest_cli.addresses import check_port
from abtest_cli.options import MaybeLakeOption

_SHUTDOWN_SECONDS = 10


def serve(
    lake: MaybeLakeOption = None,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Where to listen.")] = 8000,
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes; they share one cache.")] = 1,
    cache_dir: Annotated[
        Path | None, typer.Option(help="The folder for mirrored releases; else ABTEST_API_CACHE_DIR.")
    ] = None,
    new_key: Annotated[bool, typer.Option("--new-key", help="Print a new API key with its hash, and exit.")] = False,
) -> None:
    """Serve the verdicts of a lake (else of ABTEST_LAKE) over HTTP; http://HOST:PORT/docs describes every answer.

    All other settings are environment variables ABTEST_API_<SETTING>; docs/api.md lists them.
    """
    if new_key:
        _print_new_key()
        return
    if lake is not None:
        os.environ["ABTEST_LAKE"] = lake
    if cache_dir is not None:
        os.environ["ABTEST_API_CACHE_DIR"] = str(cache_dir)
    _check()
    check_port(host, port)
    shown = f"[{host}]" if ":" in host else host
    typer.echo(f"http://{shown}:{port}/docs describes every answer", err=True)
    import uvicorn

    from api.http.connections import raise_file_limit
    from api.http.logs import uvicorn_log_config

    raise_file_limit()
    os.environ["PYTHONSAFEPATH"] = "1"  # for workers and the mirror: the working folder may hold an api.py
    # Workers are fresh processes that build the application themselves: delta-rs does not survive a fork.
    uvicorn.run(
        "api.main:create_app",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        access_log=False,
        log_config=uvicorn_log_config("warning"),
        server_header=False,
        http="api.http.connections:GuardedProtocol",
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )


def _check() -> None:
    """Check the settings before a server starts."""
    from abtest_lib.errors import ConfigError
    from abtest_lib.registry import load_registry
    from api.settings import load_api_settings
    from api.store.cache import Cache

    settings = load_api_settings()
    load_registry(settings.registry)
    is_mirrored = Cache(settings.cache_dir, settings.lake).read_manifest() is not None
    if "://" not in settings.lake and not Path(settings.lake).is_dir() and not is_mirrored:
        raise ConfigError(f"no lake at {settings.lake}: --lake must be a directory or s3://bucket/prefix")


def _print_new_key() -> None:
    import secrets
    from hashlib import sha256

    key = secrets.token_urlsafe(32)
    typer.echo(f"key (hand it to the client, it is not kept): {key}")
    typer.echo(f"hash (add it to ABTEST_API_KEY_HASHES): {sha256(key.encode()).hexdigest()}")
