"""Cache folders on this machine, for compiled code and loaded classes."""

import os
from pathlib import Path


def cache_folder(kind: str) -> Path | None:
    """Return a cache folder of the user; create it if it is missing.

    Args:
        kind: Its name, e.g. `xla`.

    Returns:
        The folder; None if the user has no writable home, as in the containers of a cluster.
    """
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
        folder = home / "abtest-suite" / kind
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return folder if os.access(folder, os.W_OK) else None
