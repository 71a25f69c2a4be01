"""Raw browsing events to A/B-test verdicts: the library behind jobs, API and dashboard."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("abtest-suite")
except PackageNotFoundError:  # a source tree on PYTHONPATH, never installed
    __version__ = "0+source"
