"""The shapes of the answers.

Proportions and ratios are plain numbers (0.05 is 5 %), days are `YYYY-MM-DD`, instants ISO 8601 in UTC. A number that
the lake does not have (yet) is null; it is never zero and never left out.
"""

from api.models.analysis import Analysis
from api.models.common import Decision, Rule, Window
from api.models.experiments import Experiment, ExperimentList, Funnel, History, Posterior, Result, ResultAnswer
from api.models.lake import Quality, Table, TableList, TableSummary
from api.models.plan import Plan
from api.models.service import Live, NoData, Problem, Ready, Version

__all__ = [
    "Analysis",
    "Decision",
    "Experiment",
    "ExperimentList",
    "Funnel",
    "History",
    "Live",
    "NoData",
    "Plan",
    "Posterior",
    "Problem",
    "Quality",
    "Ready",
    "Result",
    "ResultAnswer",
    "Rule",
    "Table",
    "TableList",
    "TableSummary",
    "Version",
    "Window",
]
