"""Set JAX up: double precision, and compiled programs cached on disk."""

import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from abtest_lib.cache import cache_folder


@cache
def prepare_jax() -> None:
    """Switch JAX to float64 and to a persistent compilation cache; repeated calls do nothing.

    float32 errs by whole nats at twenty million users. `JAX_COMPILATION_CACHE_DIR` names another folder for the
    cache, which the workers of a machine can share and which can be deleted at any time.
    """
    import jax  # noqa: PLC0415  this module is imported where JAX is not installed

    config: Any = jax.config  # its attributes are made at run time
    config.update("jax_enable_x64", True)
    if config.jax_compilation_cache_dir is None:
        config.update("jax_compilation_cache_dir", str(_cache_folder()))
    config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    # A cache that cannot be written, or an entry cut short by a crash, must cost time only, not the group.
    config.update("jax_raise_persistent_cache_errors", False)


def _cache_folder() -> Path:
    """Return the user's cache folder, or a temporary one where there is none."""
    kept = cache_folder("xla")
    if kept is not None:
        return kept
    folder = Path(tempfile.gettempdir()) / f"abtest-suite-xla-{os.getuid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.mkdtemp(prefix="abtest-suite-xla-"))
    return folder if os.access(folder, os.W_OK) else Path(tempfile.mkdtemp(prefix="abtest-suite-xla-"))
