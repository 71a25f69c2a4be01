"""What entity tags depend on beside the release."""

import pytest

from abtest_lib.registry import Experiment, Registry
from api.store import identity
from api.store.identity import beside_the_release

EARLIER, LATER = (Registry({"a": Experiment("a", control=control)}) for control in ("1", "2"))


def test_every_declaration_counts_and_their_order_does_not() -> None:
    first, second = Experiment("a"), Experiment("b")
    hashes = {beside_the_release(registry) for registry in (Registry(), EARLIER, LATER)}
    assert len(hashes) == 3
    assert beside_the_release(Registry({"a": first, "b": second})) == beside_the_release(
        Registry({"b": second, "a": first})
    )


def test_another_version_of_the_suite_is_another_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    before = beside_the_release(EARLIER)
    assert beside_the_release(EARLIER) == before
    monkeypatch.setattr(identity, "__version__", "another")
    assert beside_the_release(EARLIER) != before
