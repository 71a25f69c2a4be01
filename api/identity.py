"""What answers depend on beside the release: the declarations of the registry, and the code that words the answers."""

from hashlib import sha256
from pathlib import Path

from abtest_lib import __version__, contracts
from abtest_lib.registry import Registry


def beside_the_release(registry: Registry) -> str:
    """A hash that differs whenever one release may be answered for in another way.

    Args:
        registry: What was declared of the experiments.
    """
    declared = repr(sorted(registry.experiments.items()))
    return sha256(f"{code_version()} {declared}".encode()).hexdigest()


def code_version() -> str:
    """The suite's version, and a hash of the sources of this package and of the contracts that it quotes.

    The version alone stays the same from one release of the suite to the next, however often the code changes.
    """
    digest = sha256()
    for folder in (Path(__file__).parent, Path(contracts.__file__).parent):
        for source in sorted(folder.rglob("*.py")):
            digest.update(f"{source.relative_to(folder)} {source.stat().st_size} ".encode())
            digest.update(source.read_bytes())
    return f"{__version__} {digest.hexdigest()}"
