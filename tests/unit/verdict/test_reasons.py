"""Every reason has a sentence, and the sentence follows the rules."""

import re
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from abtest_lib.contracts.enums import Decision
from abtest_lib.stats.proportions import MINIMUM_EXPECTED_EVENTS
from abtest_lib.verdict.explain import explain
from abtest_lib.verdict.facts import Facts
from abtest_lib.verdict.reason import Effect
from abtest_lib.verdict.reasons import REASONS, sentence_of
from abtest_lib.verdict.rules import Rules

DEFAULTS = {field.name: getattr(Rules(), field.name) for field in fields(Rules)}
NAMES = sorted({name for reason in REASONS.values() for name in re.findall(r"{(\w+)}", reason.sentence)})


@pytest.mark.parametrize("code", REASONS)
def test_every_reason_has_a_sentence_and_a_condition(code: str) -> None:
    reason = REASONS[code]
    assert re.fullmatch(r"[A-Z][^{}]*\.", sentence_of(code))
    assert reason.code == code
    assert (reason.condition is None) is (code == "no_data")


@pytest.mark.parametrize("code", REASONS)
def test_no_sentence_repeats_a_number_of_the_rules_as_text(code: str) -> None:
    """A digit in the sentence comes from `Rules`."""
    assert not re.search(r"\d", REASONS[code].sentence)


def test_the_sentences_use_the_limits_that_a_reader_meets() -> None:
    assert set(NAMES) == set(DEFAULTS) - {"alpha", "validity_alpha"}


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_number_changes_the_sentences_that_use_it(name: str) -> None:
    changed = replace(Rules(), **{name: DEFAULTS[name] * 2})
    using = {code for code, reason in REASONS.items() if f"{{{name}}}" in reason.sentence}
    assert using
    assert {code for code in REASONS if sentence_of(code, changed) != sentence_of(code)} == using


@pytest.mark.parametrize(
    ("code", "changes", "sentence"),
    [
        ("cross_exposure_too_high", {}, "More than 10 % of the users saw several arms."),
        ("cross_exposure_too_high", {"cross_exposed_limit": 0.025}, "More than 2.5 % of the users saw several arms."),
        ("few_users", {"few_users": 2000}, "The smallest arm has fewer than 2,000 users."),
        ("less_than_a_week", {}, "Fewer than seven days have passed, so not every weekday is covered."),
        ("less_than_a_week", {"full_days": 14}, "Fewer than 14 days have passed, so not every weekday is covered."),
    ],
)
def test_numbers_are_written_for_people(code: str, changes: dict[str, Any], sentence: str) -> None:
    assert sentence_of(code, Rules(**changes)) == sentence


def test_an_explanation_uses_the_same_rules() -> None:
    """Twelve of a hundred users converted where a test needs fifty."""
    facts = Facts(
        day=np.datetime64("2021-08-01").item(),
        decision=Decision.INCONCLUSIVE,
        reasons=["too_few_conversions"],
        arm="B",
        control="A",
        users=100,
        purchases=12,
        control_users=100,
        control_purchases=12,
        lower=None,
        upper=None,
        arms=2,
        decided_on=None,
        counts=[],
        ratio_p_value=None,
        cross_exposed_share=None,
        smallest_untested=("B", 100, 12),
    )
    assert explain(facts, Rules(minimum_conversions=50)).endswith(
        "a test expects 50 in the smaller arm who do, and 50 who do not."
    )


def test_plans_and_tests_need_the_same_number_of_conversions() -> None:
    assert Rules().minimum_conversions == MINIMUM_EXPECTED_EVENTS


def test_only_reasons_without_a_decision_can_be_no_cause() -> None:
    assert {code for code, reason in REASONS.items() if not reason.is_cause} == {"posterior_missing", "not_proven"}
    assert all(REASONS[code].effect is Effect.EXPLAINS for code in ("posterior_missing", "not_proven"))
