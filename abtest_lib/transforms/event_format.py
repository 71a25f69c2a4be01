"""The format of raw events in one lake: how its times are written, and which columns it has beyond the six fields."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from abtest_lib.config import Settings
from abtest_lib.transforms.event_time import event_time
from abtest_lib.transforms.rules import Rule, event_rules


@dataclass(frozen=True)
class EventFormat:
    """How raw rows are read and checked.

    Attributes:
        latest: The latest instant that an event may have; None sets no limit.
        columns: Further columns of an event and their types, `double` or `string`.
        timezone: The time zone of times without an offset; None rejects them.
        clock: What a time looks like: `iso`, `epoch_s` or `epoch_ms`.
    """

    latest: datetime | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    timezone: str | None = None
    clock: str = "iso"

    @classmethod
    def of(cls, settings: Settings, latest: datetime | None) -> "EventFormat":
        """Return the format that the settings describe."""
        return cls(latest, settings.event_columns, settings.timestamp_timezone, settings.timestamp_format)

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The rules over one row."""
        return event_rules(self.columns)

    @property
    def event_time(self) -> str:
        """SQL for the instant of a raw row; NULL where the text is no time."""
        return event_time(self.clock, self.timezone)
