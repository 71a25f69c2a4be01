"""The values of columns are declared once: what the dashboard names agrees with the contracts."""

from enum import StrEnum
from typing import Any

import pytest

from abtest_lib.contracts import COMPARISONS, POSTERIORS, VERDICTS
from abtest_lib.contracts.enums import Decision, MetricRole, MetricStatus, Role, SrmStatus, Window
from api.store.cache import FORMAT
from api.store.day_index import DECISIONS, NUMBERS, SRM_STATUSES
from dashboard import labels


@pytest.mark.parametrize(
    ("known", "declared"),
    [
        ([key for key in labels.DECISIONS if key is not None], Decision),
        (labels.ROLES, Role),
        (labels.SRM_STATUSES, SrmStatus),
        (labels.METRIC_ROLES, MetricRole),
        (labels.STATUSES, MetricStatus),
        (labels.WINDOWS, Window),
        (labels.TREND_TITLE, Window),
        (labels.TREND_NOTE, Window),
    ],
)
def test_the_same_values_are_known_everywhere(known: Any, declared: type[StrEnum]) -> None:
    assert sorted(known) == sorted(declared)
    assert len(declared) >= 2


@pytest.mark.parametrize(
    ("contract", "column", "declared"),
    [
        (VERDICTS, "decision", Decision),
        (VERDICTS, "srm_status", SrmStatus),
        (POSTERIORS, "window", Window),
        (COMPARISONS, "role", MetricRole),
        (COMPARISONS, "status", MetricStatus),
    ],
)
def test_the_tables_describe_every_value(contract: Any, column: str, declared: type[StrEnum]) -> None:
    (meaning,) = [one.meaning for one in contract.columns if one.name == column]
    assert all(f"`{value}`" in meaning for value in declared)


def test_codes_of_day_files_keep_their_meaning() -> None:
    """Day files in caches hold positions in these tuples: another order needs another `FORMAT`."""
    assert DECISIONS == ("ship", "keep_control", "inconclusive", "invalid")
    assert SRM_STATUSES == ("ok", "mismatch", "not_tested")
    assert NUMBERS == (
        "participants", "participants_to_date", "decided_on", "period_start", "srm_p_value", "cross_exposed_share",
        "information_fraction",
    )  # fmt: skip
    assert FORMAT == 2
