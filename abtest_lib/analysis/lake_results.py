"""The results in a lake, for analysts: read by delta-rs, from one release."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from abtest_lib.analysis.catalogue import readable_catalogue
from abtest_lib.analysis.experiments import ExperimentList, list_experiments
from abtest_lib.analysis.result import ExperimentResult, read_result
from abtest_lib.contracts.enums import Window
from abtest_lib.errors import MachineError, UsageError, one_line
from abtest_lib.storage import is_s3, use_object_store

if TYPE_CHECKING:
    from abtest_lib.lake.released import Release, ReleasedTables


class LakeResults:
    """The results that the latest release of a lake holds; `open_lake` opens them.

    Args:
        tables: The tables of one release.
    """

    def __init__(self, tables: "ReleasedTables") -> None:
        self._tables = tables

    @property
    def location(self) -> str:
        """The absolute location of the lake."""
        return self._tables.location

    @property
    def release(self) -> "Release | None":
        """The release that is read; None where nothing was published yet: tables are then read as they are."""
        return self._tables.release

    def experiments(self) -> ExperimentList:
        """Return every experiment with its latest verdict, those to act on first.

        Raises:
            LakeError: A table cannot be read.
        """
        return list_experiments(self._tables, readable_catalogue())

    def result(self, experiment: str, day: date | str | None = None, window: str = Window.TO_DATE) -> ExperimentResult:
        """Return the result of one experiment.

        Args:
            experiment: The experiment's name.
            day: The as-of day, a date or YYYY-MM-DD; the last day with a result when None.
            window: What the arms cover: `to_date`, the period so far, or `day`, that day alone.

        Raises:
            UsageError: The experiment, the day or the window is unknown; the message names the nearest experiments, or
                the days that there are.
            LakeError: The lake has no results, or they cannot be read.
        """
        return read_result(self._tables, experiment, _as_day(day), window, readable_catalogue())

    def __repr__(self) -> str:
        """Return the location and the release."""
        shown = "no release" if self.release is None else f"release {self.release.run_id}"
        return f"<results in {self.location}, {shown}>"


def open_lake(path: str | Path) -> LakeResults:
    """Open the results of a lake, as its latest release has them. Neither Spark nor Java is needed.

    Args:
        path: A folder or s3a://bucket/prefix. Access to an object store comes from the AWS environment and from the
            settings `s3_*` (profile `local`, or ABTEST_* in the environment).

    Returns:
        The results. They stay those of one release; open the lake again to see a later one.

    Raises:
        ConfigError: There is no lake at this location, or a setting is wrong.
        LakeError: The lake cannot be read.
        MachineError: The package deltalake is not installed.
    """
    location = str(path)
    if is_s3(location):
        from abtest_lib.config import load_settings  # noqa: PLC0415  a folder needs no setting

        use_object_store(load_settings())
    try:
        from abtest_lib.lake.released import open_released  # noqa: PLC0415  comes with an extra
    except ModuleNotFoundError as error:
        raise MachineError(f"reading a lake needs the package {error.name}: install the extra `python`") from None
    return LakeResults(open_released(location))


def _as_day(day: date | str | None) -> date | None:
    if not isinstance(day, str):
        return day.date() if isinstance(day, datetime) else day
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise UsageError(f"day '{one_line(day, 40)}': must be a day written YYYY-MM-DD, e.g. 2021-08-01") from None
