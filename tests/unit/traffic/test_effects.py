"""Files with true effects: allowed content and errors."""

import json
from pathlib import Path

import pytest

from abtest_lib.errors import UsageError
from abtest_lib.traffic.catalog import DEFAULT_EXPERIMENTS, Experiment
from abtest_lib.traffic.effects import read_effects


def effects(tmp_path: Path, content: object) -> dict[str, Experiment]:
    path = tmp_path / "effects.json"
    path.write_text(json.dumps(content))
    return {experiment.name: experiment for experiment in read_effects(path)}


def test_the_short_form_changes_lifts_only(tmp_path: Path) -> None:
    found = effects(tmp_path, {"search/price-badge": {"5002": 0.15}})
    assert len(found) == len(DEFAULT_EXPERIMENTS)
    badge = found["search/price-badge"]
    assert [(arm.variant_id, arm.lift) for arm in badge.arms] == [("5001", 0.0), ("5002", 0.15), ("5003", -0.4)]
    assert badge.shares == pytest.approx((0.4, 0.3, 0.3))


def test_a_new_experiment_is_added_and_replace_leaves_it_alone(tmp_path: Path) -> None:
    new = {"mine": {"pages": ["product"], "arms": {"x": {"share": 3}, "y": {"share": 1, "lift": 0.2}}}}
    found = effects(tmp_path, {"experiments": new})
    assert len(found) == len(DEFAULT_EXPERIMENTS) + 1
    assert found["mine"].shares == (0.75, 0.25)
    assert set(effects(tmp_path, {"replace": True, "experiments": new})) == {"mine"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (["a"], "holds a list"),
        ({"a": 1}, "experiment 'a' must be a mapping"),
        ({"a": {"pages": ["home"], "arms": {"1": 0}}}, "must be some of search, product, checkout"),
        ({"a": {"arms": {"1": {"weight": 2}}}}, "share, lift, declared"),
        ({"a": {"arms": {"1": -2}}}, r"lift of arm '1' of experiment 'a' = -2: must be a number from -1 to 10"),
        ({"a": {"arms": {"1": {"share": 0}}}}, "sum to 0"),
        ({"a": {"pages": ["search"]}}, "is new and needs arms"),
        ({"a": {"arms": {"1": 0}, "colour": "red"}}, "unknown setting 'colour'"),
        ({"a": {"arms": {"1": 0}, "reach": 9}}, "must be a number from 1 to 4"),
        ({"a": {"arms": {"1": 0}, "fallback": 2}}, "fallback of experiment 'a' = 2"),
        ({"a,b": {"1": 0}}, "must not be blank or hold a brace or a comma"),
    ],
)
def test_impossible_effects(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        effects(tmp_path, content)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the effects"):
        read_effects(tmp_path / "none.yaml")
