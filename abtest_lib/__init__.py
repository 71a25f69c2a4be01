"""Raw browsing events to A/B-test verdicts: the library behind jobs, API and dashboard.

For an analyst, `open_lake` reads the results of a lake, and `analyze` takes counts at hand; docs/python.md shows both.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abtest_lib.analysis.analyze import analyze
    from abtest_lib.analysis.lake_results import open_lake

__version__ = "0.1.0"
__all__ = ["analyze", "open_lake"]


def __getattr__(name: str) -> object:
    """Import the entry points for analysts when they are first used, so that the import of the package stays light."""
    if name == "analyze":
        from abtest_lib.analysis.analyze import analyze  # noqa: PLC0415

        return analyze
    if name == "open_lake":
        from abtest_lib.analysis.lake_results import open_lake  # noqa: PLC0415

        return open_lake
    raise AttributeError(f"module {__name__} has no attribute {name}")
