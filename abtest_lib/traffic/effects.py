"""Read experiments and their true effects from a file."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from abtest_lib.errors import UsageError, one_line
from abtest_lib.traffic.catalog import DEFAULT_EXPERIMENTS, PAGE_KINDS, PAGES, SEARCH_PAGE, Arm, Experiment
from abtest_lib.traffic.devices import DEVICES
from abtest_lib.user_files import read_user_file
from abtest_lib.yaml_reader import read_texts

_METRIC_SETTINGS = ("goals", "guardrails", "segments")
COLUMN_EFFECTS = ("amount", "searches", "devices")
"""The effects of an arm that need event columns."""
SETTINGS = tuple(item.name for item in fields(Experiment) if item.name not in {"name", "arms", *_METRIC_SETTINGS})
"""The settings of an experiment that do not concern metrics."""
_ARM_SETTINGS = ("share", "lift", "declared", *COLUMN_EFFECTS)
_SHARES = ("cross_exposed", "fallback", "starts")


def read_effects(path: Path, known: Sequence[Experiment] = DEFAULT_EXPERIMENTS) -> tuple[Experiment, ...]:
    """Read experiments and true effects from a YAML or JSON file.

    The file is a truth file, or a part of one: `experiments: {name: {arms: {id: {share, lift}}}}`, or shorter
    `{name: {id: lift}}`. Named experiments change the default ones or are added to them; `replace: true` leaves
    only those that are named.

    Args:
        path: The file.
        known: The experiments that the file changes or adds to.

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
    is_replaced = _boolean(content.get("replace"), f"replace in {path}")
    experiments = {} if is_replaced else {experiment.name: experiment for experiment in known}
    for name, entry in named.items():
        experiments[name] = _experiment(name, _mapping(entry, f"experiment '{name}'"), experiments.get(name))
    return tuple(experiments.values())


def _mapping(value: object, place: str) -> Mapping[Any, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{place} must be a mapping, but is {one_line(value)!r}")
    return value


def _experiment(name: str, entry: Mapping[Any, Any], known: Experiment | None) -> Experiment:
    if any(mark in name for mark in "{},") or not name.strip():
        raise UsageError(f"experiment '{name}': a name must not be blank or hold a brace or a comma")
    allowed = (*SETTINGS, *_METRIC_SETTINGS)
    if "arms" not in entry and not set(entry) & set(allowed):
        entry = {"arms": entry}
    unknown = sorted(set(entry) - {"arms", *allowed})
    if unknown:
        raise UsageError(
            f"unknown setting '{unknown[0]}' of experiment '{name}': allowed are arms, {', '.join(allowed)}"
        )
    before = {item: getattr(known, item) for item in allowed} if known else {"pages": (SEARCH_PAGE,)}
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
    return {**settings, **shares, **_metric_settings(name, settings), "reach": int(reach), "planned": planned}


def _metric_settings(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Check goals, segments and guardrails; whether the metrics exist is the registry's check."""
    lists = {item: settings.get(item) or () for item in ("goals", "segments")}
    for item, value in lists.items():
        if not isinstance(value, (list, tuple)):
            raise UsageError(f"{item} of experiment '{name}' = {one_line(value)}: must be a list")
    margins = _mapping(settings.get("guardrails") or {}, f"guardrails of experiment '{name}'")
    guardrails = {
        metric: str(margin["margin"] if isinstance(margin, dict) and "margin" in margin else margin)
        for metric, margin in margins.items()
    }
    return {"guardrails": guardrails} | {item: tuple(map(str, value)) for item, value in lists.items()}


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
        arm |= _column_effects(arm, place)
        if arm["declared"] is not None:
            arm["declared"] = _number(arm["declared"], f"declared of {place}", 0.0, 1.0)
        arms[variant] = arm
    if arms and not sum(arm["share"] for arm in arms.values()):
        raise UsageError(f"the shares of experiment '{name}' sum to 0: at least one must be positive")
    return tuple(Arm(variant, **settings) for variant, settings in arms.items())


def _column_effects(arm: Mapping[str, Any], place: str) -> dict[str, Any]:
    devices = _mapping(arm.get("devices", {}), f"devices of {place}")
    if set(devices) - set(DEVICES):
        raise UsageError(f"devices of {place} = {one_line(devices)}: must be some of {', '.join(DEVICES)}")
    return {
        "amount": _number(arm.get("amount", 0.0), f"amount of {place}", -1.0, 10.0),
        "searches": _number(arm.get("searches", 0.0), f"searches of {place}", 0.0, 10.0),
        "devices": {
            device: _number(lift, f"lift on {device} of {place}", -1.0, 10.0) for device, lift in devices.items()
        },
    }


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
