"""The registry's declarations are read, and every error names its line."""

import pickle
from datetime import date
from pathlib import Path

import pytest

from abtest_lib.errors import RegistryError
from abtest_lib.registry import Registry, load_registry, parse_registry

RAMP = """\
experiments:
  search/new-ranking:
    control: 4915
    start: 2021-08-01
    end: 2021-08-28
    planned_users: 40_000
    minimum_effect: 0.02
    fallback_variants: [DEFAULT]
    allocation:
      - arms: {4915: 0.9, 4916: 0.1}
      - from: 2021-08-08
        arms: {4915: 0.5, 4916: 0.5}
"""


def test_everything_that_was_declared_is_read() -> None:
    experiment = parse_registry(RAMP).get("search/new-ranking")
    assert experiment is not None
    assert (experiment.control, experiment.planned_users, experiment.minimum_effect) == ("4915", 40_000, 0.02)
    assert (experiment.start, experiment.end) == (date(2021, 8, 1), date(2021, 8, 28))
    assert experiment.fallback_variants == ("DEFAULT",)
    assert experiment.is_planned
    early, late = experiment.allocation_on(date(2021, 8, 7)), experiment.allocation_on(date(2021, 8, 8))
    assert early is not None
    assert late is not None
    assert (early.shares, late.shares) == ({"4915": 0.9, "4916": 0.1}, {"4915": 0.5, "4916": 0.5})


@pytest.mark.parametrize(
    ("day", "period"),
    [
        (date(2021, 7, 31), None),
        (date(2021, 8, 1), date(2021, 8, 1)),
        (date(2021, 8, 7), date(2021, 8, 1)),
        (date(2021, 8, 8), date(2021, 8, 8)),
        (date(2021, 12, 1), date(2021, 8, 8)),
    ],
)
def test_a_declared_ramp_starts_a_new_period(day: date, period: date | None) -> None:
    experiment = parse_registry(RAMP).get("search/new-ranking")
    assert experiment is not None
    assert experiment.period_starts == (date(2021, 8, 1), date(2021, 8, 8))
    assert experiment.period_start(day) == period


def test_a_repeated_split_is_no_change() -> None:
    text = "experiments: {a: {allocation: [{arms: {A: 0.5, B: 0.5}}, {from: 2021-08-08, arms: {B: 0.5, A: 0.5}}]}}"
    experiment = parse_registry(text).get("a")
    assert experiment is not None
    assert experiment.period_starts == ()
    assert experiment.period_start(date(2021, 8, 9)) is None


def test_the_shipped_registry_an_empty_one_and_a_bare_name_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "registry.yaml"
    path.write_text("# nothing\n", encoding="utf-8")
    assert load_registry().experiments == {}
    assert load_registry(path) == Registry()
    bare = parse_registry("experiments:\n  a:\n").get("a")
    assert bare is not None
    assert not bare.is_planned


def test_a_registry_can_be_pickled() -> None:
    registry = parse_registry(RAMP)
    assert pickle.loads(pickle.dumps(registry)) == registry  # noqa: S301  our own bytes


@pytest.mark.parametrize(
    ("find", "replace", "line", "words"),
    [
        ("control: 4915", "controll: 4915", 3, "unknown key 'controll' in experiment 'search/new-ranking'"),
        ("- from: 2021-08-08", "- since: 2021-08-08", 11, "unknown key 'since' in an allocation"),
        ("experiments:", "experiment:", 1, "unknown key 'experiment' in the registry"),
        ("4916: 0.1}", "4916: 0.2}", 10, "the shares sum to 1.1"),
        ("{4915: 0.9, 4916: 0.1}", "{4915: 1}", 10, "1 arm in the allocation"),
        ("{4915: 0.9, 4916: 0.1}", "{4915: 1, 4916: 0}", 10, "without a share"),
        ("4916: 0.1}", "4916: -0.1}", 10, "'-0.1': must be a share between 0 and 1"),
        ("4916: 0.1}", "4916: nan}", 10, "'nan': must be a share"),
        ("4916: 0.1}", "4915: 0.1}", 10, "key '4915' appears twice"),
        ("control: 4915", "control: 77", 3, "control '77' has no share"),
        ("[DEFAULT]", "[4915]", 3, "control '4915' is a fallback variant"),
        ("[DEFAULT]", "[4916]", 8, "fallback variant '4916' has a share"),
        ("[DEFAULT]", "DEFAULT", 8, "fallback_variants must be a list"),
        ("2021-08-28", "2021-08-07", 5, "end is 2021-08-07: must not be before 2021-08-08"),
        ("2021-08-28", "28.8.2021", 5, "'28.8.2021': must be a date"),
        ("2021-08-28", "2021-02-30", 5, "'2021-02-30': must be a date"),
        ("40_000", "0", 6, "'0': must be a whole number above zero"),
        ("40_000", "1e6", 6, "'1e6': must be a whole number"),
        ("0.02", "inf", 7, "'inf': must be a ratio above zero"),
        ("from: 2021-08-08", "from: 2021-08-01", 11, "must have a date after the one before, 2021-08-01"),
        ("- arms: {4915", "- from: 2021-08-02\n        arms: {4915", 10, "but start is 2021-08-01"),
        ("    control: 4915", "    control: [4915]", 3, "a list or mapping: must be a variant"),
        ("        arms: {4915: 0.5, 4916: 0.5}", "", 11, "an allocation needs arms"),
        ("{4915: 0.9, 4916: 0.1}", "{4915: 0.9, 4916: 0.1", 11, "not YAML"),
        ("  search/new-ranking:", "  - search/new-ranking:", 2, "experiments must hold `key: value` lines"),
    ],
)
def test_a_mistake_names_file_and_line(find: str, replace: str, line: int, words: str) -> None:
    assert RAMP.count(find) >= 1
    with pytest.raises(RegistryError) as caught:
        parse_registry(RAMP.replace(find, replace, 1), "team.yaml")
    message = str(caught.value)
    assert message.startswith(f"team.yaml line {line}: ")
    assert words in message
    assert "\n" not in message


def test_an_experiment_named_twice_is_an_error() -> None:
    with pytest.raises(RegistryError, match="line 3: key 'a' appears twice"):
        parse_registry("experiments:\n  a: {}\n  a: {}\n")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=r"cannot read the experiment registry .*absent\.yaml"):
        load_registry(tmp_path / "absent.yaml")
