"""The columns that are read from input files, and what they are called there."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from abtest_lib.config import Settings
from abtest_lib.contracts import RAW_FIELDS


@dataclass(frozen=True, slots=True)
class WantedColumns:
    """The six fields and the declared event columns.

    Attributes:
        event_columns: The columns beyond the six fields; a file may lack them.
        names: Field or event column to its name in the files, where that differs.
    """

    event_columns: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings) -> "WantedColumns":
        """Return the columns that the settings declare."""
        return cls(tuple(settings.event_columns), settings.column_names)

    @property
    def fields(self) -> tuple[str, ...]:
        """The six fields, then the event columns."""
        return (*RAW_FIELDS, *self.event_columns)

    def source(self, name: str) -> str:
        """Return the name of a field in the files."""
        return self.names.get(name, name)

    @property
    def required(self) -> tuple[str, ...]:
        """The names in the files of the six fields."""
        return tuple(self.source(name) for name in RAW_FIELDS)

    @property
    def sources(self) -> tuple[str, ...]:
        """The names in the files of all fields."""
        return tuple(self.source(name) for name in self.fields)

    def present(self, columns: Collection[str]) -> tuple[str, ...]:
        """Return the fields that a file with these columns has."""
        return tuple(name for name in self.fields if self.source(name) in columns)

    def renamed(self, header: Sequence[str]) -> tuple[str, ...]:
        """Replace each wanted column by its field, and any other by a name that is no field: its own may be twice."""
        field_of = {self.source(name): name for name in self.fields}
        return tuple(field_of.get(column, f"_column_{place}") for place, column in enumerate(header))

    def missing_notices(self, columns: Collection[str], file: str) -> list[str]:
        """Return a sentence for each event column that a file lacks."""
        missing = [self.source(name) for name in self.event_columns if self.source(name) not in columns]
        if not missing:
            return []
        return [f"{file} has no column {', '.join(missing)}: its events have no value there"]


SIX_FIELDS = WantedColumns()
