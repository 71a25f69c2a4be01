"""The truth about synthetic traffic: its true effects, and the registry of its planned experiments."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from abtest_lib.traffic.catalog import FALLBACK, Experiment
from abtest_lib.traffic.effects import COLUMN_EFFECTS, SETTINGS
from abtest_lib.traffic.events import Traffic
from abtest_lib.traffic.metric_experiments import CATALOGUE
from abtest_lib.traffic.metric_truth import MEANING, metric_effects, segment_effects


class _NoAliases(yaml.SafeDumper):
    """Write a repeated value again, not a reference to the first."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  the signature is PyYAML's
        """Return that no value gets a reference."""
        return True


def describe(traffic: Traffic) -> dict[str, Any]:
    """Return the truth as plain data, which `read_effects` can read."""
    columns = {"correlation": traffic.correlation, "metrics_mean": MEANING} if traffic.columns else {}
    return {
        "users": traffic.users,
        "days": traffic.days,
        "seed": traffic.seed,
        "start": traffic.start.isoformat(),
        "timezone": traffic.timezone,
        "dirty": traffic.dirty,
        "lift_means": "relative change of a session's chance to reach the checkout (or to buy there); a user's "
        "conversion over the whole time changes by a little less",
        **columns,
        "replace": True,
        "experiments": {experiment.name: _describe(experiment) for experiment in traffic.experiments},
        **(_true_metrics(traffic) if traffic.columns else {}),
    }


def _describe(experiment: Experiment) -> dict[str, Any]:
    settings = {name: getattr(experiment, name) for name in SETTINGS}
    arms = {
        arm.variant_id: {"share": round(share, 9), "lift": arm.lift}
        | ({} if arm.declared is None else {"declared": arm.declared})
        | {name: value for name in COLUMN_EFFECTS if (value := getattr(arm, name))}
        for arm, share in zip(experiment.arms, experiment.shares if experiment.arms else (), strict=True)
    }
    return {**settings, **_metric_settings(experiment), "pages": list(experiment.pages), "arms": arms}


def _metric_settings(experiment: Experiment) -> dict[str, Any]:
    """Return goals, guardrails and segments as the registry writes them, without those that are empty."""
    settings = {
        "goals": list(experiment.goals),
        "guardrails": {metric: {"margin": margin} for metric, margin in experiment.guardrails.items()},
        "segments": list(experiment.segments),
    }
    return {name: value for name, value in settings.items() if value}


def _true_metrics(traffic: Traffic) -> dict[str, Any]:
    judged = [experiment for experiment in traffic.experiments if experiment.goals]
    return {
        "metrics": {experiment.name: metric_effects(traffic, experiment) for experiment in judged},
        "orders_per_user_by_segment": {
            experiment.name: effects for experiment in judged if (effects := segment_effects(experiment))
        },
    }


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
        **(_metric_settings(experiment) if traffic.columns else {}),
    }


def _last_day(traffic: Traffic) -> date:
    return traffic.start + timedelta(days=traffic.days - 1)


@dataclass(frozen=True, slots=True)
class TruthFiles:
    """The files that come with generated events.

    Attributes:
        truth: The true effects.
        registry: The experiments as they were declared.
        metrics: The metric catalogue; None where events have no further columns.
    """

    truth: Path
    registry: Path
    metrics: Path | None


def write_truth(traffic: Traffic, stem: Path) -> TruthFiles:
    """Write `<stem>.truth.yaml`, `<stem>.registry.yaml` and, with event columns, `<stem>.metrics.yaml`."""
    return TruthFiles(
        truth=_write(describe(traffic), stem, "truth"),
        registry=_write(registry(traffic), stem, "registry"),
        metrics=_write({"metrics": CATALOGUE}, stem, "metrics") if traffic.columns else None,
    )


def _write(content: dict[str, Any], stem: Path, kind: str) -> Path:
    path = stem.with_name(f"{stem.name}.{kind}.yaml")
    text = yaml.dump(content, Dumper=_NoAliases, sort_keys=False, allow_unicode=True, width=110)
    path.write_text(text, encoding="utf-8")
    return path
