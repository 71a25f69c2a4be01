"""`abtest serve`: the API over a lake."""

import os
from pathlib import Path
from typing import Annotated

import typer

from abtest_cli.options import MaybeLakeOption

_SHUTDOWN_SECONDS = 10


def serve(
    lake: MaybeLakeOption = None,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Where to listen.")] = 8000,
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes; they share one cache.")] = 1,
    cache_dir: Annotated[
        Path | None, typer.Option(help="Where releases are mirrored; else ABTEST_API_CACHE_DIR.")
    ] = None,
    new_key: Annotated[bool, typer.Option("--new-key", help="Print a new API key with its hash, and end.")] = False,
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
    _check_port(host, port)
    import uvicorn

    from api.connections import raise_file_limit
    from api.logs import uvicorn_log_config

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
        http="api.connections:GuardedProtocol",
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )


def _check() -> None:
    """Say what is wrong with the settings before a server starts."""
    from abtest_lib.errors import ConfigError
    from abtest_lib.registry import load_registry
    from api.cache import Cache
    from api.settings import load_api_settings

    settings = load_api_settings()
    load_registry(settings.registry)
    is_mirrored = Cache(settings.cache_dir, settings.lake).read_manifest() is not None
    if "://" not in settings.lake and not Path(settings.lake).is_dir() and not is_mirrored:
        raise ConfigError(f"no lake at {settings.lake}: --lake must be a directory or s3://bucket/prefix")


def _check_port(host: str, port: int) -> None:
    """Say that a port is taken before anything is started; else tell where the answers will be."""
    import socket

    from abtest_lib.errors import ConfigError

    try:
        family, *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}, port {port}: {error.strerror}; choose another with --port"
        ) from None
    shown = f"[{host}]" if ":" in host else host
    typer.echo(f"http://{shown}:{port}/docs describes every answer", err=True)


def _print_new_key() -> None:
    import secrets
    from hashlib import sha256

    key = secrets.token_urlsafe(32)
    typer.echo(f"key (hand it to the client, it is not kept): {key}")
    typer.echo(f"hash (add it to ABTEST_API_KEY_HASHES): {sha256(key.encode()).hexdigest()}")
