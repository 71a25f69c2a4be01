"""A hash of what answers depend on besides the release: the registry and the suite's version."""

from hashlib import sha256

from abtest_lib import __version__
from abtest_lib.registry import Registry


def answer_dependencies(registry: Registry) -> str:
    """Return a hash that changes whenever answers from the same release may change.

    Args:
        registry: The declarations of the experiments.
    """
    declared = repr(sorted(registry.experiments.items()))
    return sha256(f"{__version__} {declared}".encode()).hexdigest()
