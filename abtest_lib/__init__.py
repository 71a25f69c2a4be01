"""Raw browsing events to A/B-test verdicts: the library behind jobs, API and dashboard."""

__version__ = "0.1.0"
