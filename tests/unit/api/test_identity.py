"""What entity tags depend on besides the release."""

import pytest

from abtest_lib.registry import Experiment, Registry
from api.store import identity
from api.store.identity import answer_dependencies

EARLIER, LATER = (Registry({"a": Experiment("a", control=control)}) for control in ("1", "2"))


def test_every_declaration_counts_and_their_order_does_not() -> None:
    first, second = Experiment("a"), Experiment("b")
    hashes = {answer_dependencies(registry) for registry in (Registry(), EARLIER, LATER)}
    assert len(hashes) == 3
    assert answer_dependencies(Registry({"a": first, "b": second})) == answer_dependencies(
        Registry({"b": second, "a": first})
    )


def test_another_version_of_the_suite_is_another_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    before = answer_dependencies(EARLIER)
    assert answer_dependencies(EARLIER) == before
    monkeypatch.setattr(identity, "__version__", "another")
    assert answer_dependencies(EARLIER) != before
