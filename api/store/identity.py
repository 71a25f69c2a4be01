"""A hash of what answers depend on besides the release: the registry, the catalogue and the suite's version."""

from hashlib import sha256

from abtest_lib import __version__
from abtest_lib.metrics import Catalogue
from abtest_lib.registry import Registry


def answer_dependencies(registry: Registry, catalogue: Catalogue) -> str:
    """Return a hash that changes whenever answers from the same release may change.

    Args:
        registry: The declarations of the experiments.
        catalogue: The declarations of the metrics.
    """
    declared = repr((sorted(registry.experiments.items()), sorted(catalogue.metrics.items())))
    return sha256(f"{__version__} {declared}".encode()).hexdigest()
