"""Folders on this machine for what can be made again at any time: compiled code and loaded classes."""

import os
from pathlib import Path


def cache_folder(kind: str) -> Path | None:
    """A folder of the user's own, made where it is missing.

    Args:
        kind: Its name, e.g. `xla`.

    Returns:
        The folder; None where the user has no home that can be written, as in the containers of a cluster.
    """
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
        folder = home / "abtest-suite" / kind
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return folder if os.access(folder, os.W_OK) else None
