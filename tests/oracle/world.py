"""One set of settings, told to the pipeline and to the oracle."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from abtest_lib.config import Settings, load_settings
from tests.oracle.duckdb_oracle import OracleSettings

_HOURS = {"1h": 1, "36h": 36, "1d": 24, "2d": 48}


@dataclass(frozen=True)
class World:
    """Settings, and what the registry declares."""

    values: dict[str, Any] = field(default_factory=dict)
    periods: dict[str, list[date]] = field(default_factory=dict)
    own_fallback: dict[str, list[str]] = field(default_factory=dict)
    ends: dict[str, date] = field(default_factory=dict)
    segments: dict[str, list[str]] = field(default_factory=dict)

    def settings(self, folder: Path) -> Settings:
        """For the pipeline; the registry is written into the folder."""
        registry = folder / "registry.yaml"
        registry.write_text(yaml.safe_dump({"experiments": self._registry()}), encoding="utf-8")
        return load_settings(overrides={**self.values, "registry": registry})

    def _registry(self) -> dict[str, Any]:
        entries: dict[str, Any] = {name: {"fallback_variants": names} for name, names in self.own_fallback.items()}
        for name, starts in self.periods.items():
            shares = [{"1": 0.9, "2": 0.1}, {"1": 0.5, "2": 0.5}]
            allocation = [{"from": start, "arms": shares[turn % 2]} for turn, start in enumerate(starts)]
            entries.setdefault(name, {}).update(start=starts[0], allocation=allocation)
        for name, columns in self.segments.items():
            entries.setdefault(name, {}).update(segments=columns)
        for name, end in self.ends.items():
            entries.setdefault(name, {}).update(end=end)
        return entries

    def oracle(self) -> OracleSettings:
        """The same for the oracle."""
        window = self.values.get("attribution_window")
        return OracleSettings(
            reporting_timezone=self.values.get("reporting_timezone", "UTC"),
            conversion_event=self.values.get("conversion_event", "BUY"),
            attribution_window=timedelta(hours=_HOURS[window]) if window else None,
            cross_exposed=self.values.get("cross_exposed", "first"),
            fallback_variants=tuple(self.values.get("fallback_variants", ())),
            periods=self.periods,
            fallback_by_experiment=self.own_fallback,
            ends=self.ends,
        )
