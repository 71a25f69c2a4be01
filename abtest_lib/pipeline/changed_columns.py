"""The event columns that a run declares, compared with those that bronze/events has."""

from collections.abc import Mapping, Sequence

from abtest_lib.contracts import EVENTS
from abtest_lib.errors import ConfigError
from abtest_lib.lake.lake import Lake

_TWICE = "sending the same files again would count their events twice"


def check_stored_types(lake: Lake, declared: Mapping[str, str], stored: Mapping[str, str]) -> None:
    """Reject a declared column that bronze/events has with another type or in another case.

    Args:
        lake: The lake, for messages.
        declared: The setting `event_columns`.
        stored: The columns of bronze/events and their types; empty without a table.

    Raises:
        ConfigError: A declared column differs from the stored one.
    """
    spelling = {name.lower(): name for name in stored}
    for name, kind in declared.items():
        known = spelling.get(name.lower(), name)
        if known != name:
            raise ConfigError(f"event column {name}: {EVENTS.full_name} of lake {lake} has it as {known}; write it so")
        if stored.get(name, kind) != kind:
            raise ConfigError(
                f"event column {name}: lake {lake} stores it as {stored[name]}, this run declares {kind}, and a column "
                f"keeps its type; declare another, such as {name}_{kind}, and read it from {name} by column_names"
            )


def notices_of_changes(declared: Mapping[str, str], stored: Mapping[str, str]) -> tuple[str, ...]:
    """Return sentences about columns that are new to a lake or no longer declared.

    Args:
        declared: The setting `event_columns`.
        stored: The columns of bronze/events and their types; empty without a table.
    """
    if not stored:
        return ()
    new = [name for name in declared if name not in stored]
    old = [name for name in stored if name not in declared and name not in EVENTS.column_names]
    added = f"event column {_names(new)} is new: events already stored have no value there, and {_TWICE}"
    removed = (
        f"event column {_names(old)} is no longer declared: {EVENTS.full_name} keeps its values, no metric reads them, "
        f"and {_TWICE}"
    )
    return (*([added] if new else []), *([removed] if old else []))


def _names(columns: Sequence[str]) -> str:
    return ", ".join(columns)
