"""The values of columns are declared once: what the API and the dashboard know agrees with the contracts."""

from enum import StrEnum
from typing import Any, get_args

import pytest

from abtest_lib.contracts import POSTERIORS, VERDICTS
from abtest_lib.contracts.enums import Decision, Role, SrmStatus, Window
from api.models import common
from api.store.day_file import DECISIONS, SRM_STATUSES
from dashboard import labels


@pytest.mark.parametrize(
    ("known", "declared"),
    [
        (get_args(common.Decision), Decision),
        (get_args(common.Window), Window),
        (get_args(common.Role), Role),
        (DECISIONS, Decision),
        (SRM_STATUSES, SrmStatus),
        ([key for key in labels.DECISIONS if key is not None], Decision),
        (labels.ROLES, Role),
        (labels.SRM_STATUSES, SrmStatus),
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
    [(VERDICTS, "decision", Decision), (VERDICTS, "srm_status", SrmStatus), (POSTERIORS, "window", Window)],
)
def test_the_tables_describe_every_value(contract: Any, column: str, declared: type[StrEnum]) -> None:
    (meaning,) = [one.meaning for one in contract.columns if one.name == column]
    assert all(f"`{value}`" in meaning for value in declared)
