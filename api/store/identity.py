"""What answers depend on beside the release: the declarations of the registry, and the suite's version."""

from hashlib import sha256

from abtest_lib import __version__
from abtest_lib.registry import Registry


def beside_the_release(registry: Registry) -> str:
    """A hash that differs whenever one release may be answered for in another way.

    Args:
        registry: What was declared of the experiments.
    """
    declared = repr(sorted(registry.experiments.items()))
    return sha256(f"{__version__} {declared}".encode()).hexdigest()
