"""The truth about synthetic traffic: its true effects, and the registry of its planned experiments."""

import math
from collections.abc import Mapping
from dataclasses import fields
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from abtest_lib.errors import UsageError, one_line
from abtest_lib.traffic.catalog import DEFAULT_EXPERIMENTS, FALLBACK, PAGE_KINDS, PAGES, SEARCH_PAGE, Arm, Experiment
from abtest_lib.traffic.events import Traffic
from abtest_lib.user_files import read_user_file
from abtest_lib.yaml_reader import read_texts

_SETTINGS = tuple(item.name for item in fields(Experiment) if item.name not in {"name", "arms"})
_ARM_SETTINGS = ("share", "lift", "declared")
_SHARES = ("cross_exposed", "fallback", "starts")


class _NoAliases(yaml.SafeDumper):
    """Write a repeated value again, not a reference to the first."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  the signature is PyYAML's
        """Return that no value gets a reference."""
        return True


def describe(traffic: Traffic) -> dict[str, Any]:
    """Return the truth as plain data, which `read_effects` can read."""
    return {
        "users": traffic.users,
        "days": traffic.days,
        "seed": traffic.seed,
        "start": traffic.start.isoformat(),
        "timezone": traffic.timezone,
        "dirty": traffic.dirty,
        "lift_means": "relative change of a session's chance to reach the checkout (or to buy there); a user's "
        "conversion over the whole time changes by a little less",
        "replace": True,
        "experiments": {experiment.name: _describe(experiment) for experiment in traffic.experiments},
    }


def _describe(experiment: Experiment) -> dict[str, Any]:
    settings = {name: getattr(experiment, name) for name in _SETTINGS}
    arms = {
        arm.variant_id: {"share": round(share, 9), "lift": arm.lift}
        | ({} if arm.declared is None else {"declared": arm.declared})
        for arm, share in zip(experiment.arms, experiment.shares if experiment.arms else (), strict=True)
    }
    return {**settings, "pages": list(experiment.pages), "arms": arms}


def registry(traffic: Traffic) -> dict[str, Any]:
    """Return the experiment registry of the planned experiments."""
    planned = [experiment for experiment in traffic.experiments if experiment.planned]
    return {"experiments": {experiment.name: _declare(experiment, traffic) for experiment in planned}}


def _declare(experiment: Experiment, traffic: Traffic) -> dict[str, Any]:
    start = traffic.start + timedelta(days=int(experiment.starts * traffic.days))
    arms = {
        arm.variant_id: round(share if arm.declared is None else arm.declared, 9)
        for arm, share in zip(experiment.arms, experiment.shares, strict=True)
    }
    return {
        "control": experiment.arms[0].variant_id,
        "start": start,
        "end": _last_day(traffic),
        "fallback_variants": [FALLBACK],
        "allocation": [{"from": start, "arms": arms}],
    }


def _last_day(traffic: Traffic) -> date:
    return traffic.start + timedelta(days=traffic.days - 1)


def write_truth(traffic: Traffic, stem: Path) -> tuple[Path, Path]:
    """Write `<stem>.truth.yaml` and `<stem>.registry.yaml`.

    Returns:
        The paths of the truth and of the registry.
    """
    paths = stem.with_name(stem.name + ".truth.yaml"), stem.with_name(stem.name + ".registry.yaml")
    for path, content in zip(paths, (describe(traffic), registry(traffic)), strict=True):
        path.write_text(
            yaml.dump(content, Dumper=_NoAliases, sort_keys=False, allow_unicode=True, width=110), encoding="utf-8"
        )
    return paths


def read_effects(path: Path) -> tuple[Experiment, ...]:
    """Read experiments and true effects from a YAML or JSON file.

    The file is a truth file, or a part of one: `experiments: {name: {arms: {id: {share, lift}}}}`, or shorter
    `{name: {id: lift}}`. Named experiments change the default ones or are added to them; `replace: true` leaves
    only those that are named.

    Args:
        path: The file.

    Returns:
        The experiments.

    Raises:
        UsageError: The file cannot be read or says something impossible.
    """
    content = read_texts(read_user_file(path, "the effects"), str(path))
    if not isinstance(content, dict):
        found = "a list" if isinstance(content, list) else f"'{one_line(content, 40)}'"
        raise UsageError(f"{path} must hold `experiment: {{variant: lift}}` lines, but holds {found}")
    named = _mapping(content.get("experiments", {} if "replace" in content else content), f"experiments in {path}")
    known = (
        {}
        if _boolean(content.get("replace"), f"replace in {path}")
        else {experiment.name: experiment for experiment in DEFAULT_EXPERIMENTS}
    )
    for name, entry in named.items():
        known[name] = _experiment(name, _mapping(entry, f"experiment '{name}'"), known.get(name))
    return tuple(known.values())


def _mapping(value: object, place: str) -> Mapping[Any, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{place} must be a mapping, but is {one_line(value)!r}")
    return value


def _experiment(name: str, entry: Mapping[Any, Any], known: Experiment | None) -> Experiment:
    if any(mark in name for mark in "{},") or not name.strip():
        raise UsageError(f"experiment '{name}': a name must not be blank or hold a brace or a comma")
    if "arms" not in entry and not set(entry) & set(_SETTINGS):
        entry = {"arms": entry}
    unknown = sorted(set(entry) - {"arms", *_SETTINGS})
    if unknown:
        raise UsageError(
            f"unknown setting '{unknown[0]}' of experiment '{name}': allowed are arms, {', '.join(_SETTINGS)}"
        )
    before = {item: getattr(known, item) for item in _SETTINGS} if known else {"pages": (SEARCH_PAGE,)}
    settings = before | {item: value for item, value in entry.items() if item != "arms"}
    settings = _checked(name, settings)
    arms = _arms(name, _mapping(entry.get("arms", {}), f"arms of experiment '{name}'"), known.arms if known else ())
    if not arms and "arms" not in entry and known is None:
        raise UsageError(f"experiment '{name}' is new and needs arms, e.g. arms: {{'1': {{share: 0.5, lift: 0}}}}")
    return Experiment(name=name, arms=arms, **{**settings, "pages": tuple(settings["pages"])})


def _checked(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Check the settings of an experiment and convert texts to numbers."""
    pages = settings["pages"]
    if not isinstance(pages, (list, tuple)) or not pages or set(pages) - set(PAGES):
        raise UsageError(f"pages of experiment '{name}' = {pages!r}: must be some of {', '.join(PAGES)}")
    shares = {
        item: _number(settings[item], f"{item} of experiment '{name}'", 0.0, 1.0)
        for item in _SHARES
        if item in settings
    }
    reach = _number(settings.get("reach", PAGE_KINDS), f"reach of experiment '{name}'", 1, PAGE_KINDS)
    if reach != int(reach):
        raise UsageError(f"reach of experiment '{name}' = {reach:g}: must be a whole number")
    planned = _boolean(settings.get("planned"), f"planned of experiment '{name}'")
    return {**settings, **shares, "reach": int(reach), "planned": planned}


def _arms(name: str, entry: Mapping[Any, Any], known: tuple[Arm, ...]) -> tuple[Arm, ...]:
    arms = {arm.variant_id: {item: getattr(arm, item) for item in _ARM_SETTINGS} for arm in known}
    for variant, raw in entry.items():
        place = f"arm '{variant}' of experiment '{name}'"
        given = dict(raw) if isinstance(raw, dict) else {"lift": raw}
        if set(given) - set(_ARM_SETTINGS):
            raise UsageError(f"{place} = {one_line(raw)!r}: must be a lift, or hold some of {', '.join(_ARM_SETTINGS)}")
        arm = {"share": 1.0, "lift": 0.0, "declared": None} | arms.get(variant, {}) | given
        arm["lift"] = _number(arm["lift"], f"lift of {place}", -1.0, 10.0)
        arm["share"] = _number(arm["share"], f"share of {place}", 0.0, 1e9)
        if arm["declared"] is not None:
            arm["declared"] = _number(arm["declared"], f"declared of {place}", 0.0, 1.0)
        arms[variant] = arm
    if arms and not sum(arm["share"] for arm in arms.values()):
        raise UsageError(f"the shares of experiment '{name}' sum to 0: at least one must be positive")
    return tuple(Arm(variant, **settings) for variant, settings in arms.items())


def _number(value: object, place: str, low: float, high: float) -> float:
    try:
        number = float(value) if isinstance(value, (str, float, int)) else math.nan
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        raise UsageError(f"{place} = {one_line(value)}: must be a number from {low:g} to {high:g}")
    return number


def _boolean(value: object, place: str) -> bool:
    if value not in {None, True, False, "true", "false"}:
        raise UsageError(f"{place} = {one_line(value)}: must be true or false")
    return value in {True, "true"}
