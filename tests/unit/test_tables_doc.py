"""The table reference says what the contracts say."""

from pathlib import Path

from abtest_lib.contracts.__main__ import reference

DOC = Path(__file__).parents[2] / "docs" / "tables.md"


def test_the_reference_is_up_to_date() -> None:
    assert DOC.read_text(encoding="utf-8") == reference(), "run python -m abtest_lib.contracts > docs/tables.md"
