"""Answers about counts at hand."""

from typing import Annotated

from typing_extensions import TypedDict

from abtest_lib.answers.common import Decision, Interval, Share, SrmStatus, about, answer
from abtest_lib.answers.experiments import Arm, ChiSquare
from abtest_lib.contracts import COMPARISONS, POSTERIORS, VERDICTS


@answer(COMPARISONS)
class AnalyzedArm(Arm):
    """One arm: its counts, what the model believes of it, and how it compares with the control on one look."""

    expected_share: Annotated[Share | None, about("planned share of the users; an equal one where none was given")]
    mean: Annotated[float | None, about("posterior mean of the conversion, a proportion")]
    difference: Annotated[float | None, about("conversion minus the control's, a proportion; null for the control")]
    difference_interval: Annotated[Interval | None, about("simultaneous score interval of the difference")]
    observed_lift: Annotated[float | None, about("observed conversion over the control's minus one, a ratio")]
    observed_lift_interval: Annotated[Interval | None, about("simultaneous score interval of the observed lift")]
    statistic: Annotated[float | None, about("score z")]
    p_value: Share | None
    p_adjusted: Share | None


@answer()
class SampleRatio(TypedDict):
    """The sample-ratio test: did users arrive in the planned shares?"""

    status: Annotated[SrmStatus, about("`mismatch` when the p-value is below 0.001")]
    p_value: Annotated[Share | None, about("null where an arm expects fewer than 10 users")]
    is_planned: Annotated[bool, about("whether a split was given; else an equal one is assumed")]


@answer()
class Look(TypedDict):
    """The sequential test of one arm."""

    id: Annotated[str, about("the name of the arm")]
    boundary: Annotated[float | None, about("critical |z|; null where there are too few conversions for a test")]
    decision_interval: Annotated[Interval | None, about("of the difference; inverts the test at the boundary")]


@answer(VERDICTS)
class RuleVerdict(TypedDict):
    """What the suite would decide by one rule."""

    decision: Decision
    reasons: list[str]
    explanation: str
    looks: Annotated[list[Look], about("all arms except the control")]


@answer(POSTERIORS)
class Analysis(TypedDict):
    """What counts at hand say."""

    control: Annotated[str, about("the arm that the others are compared with")]
    arms: Annotated[list[AnalyzedArm], about("in the order of the counts; ids are the texts that were given")]
    chi_square: Annotated[ChiSquare | None, about("the omnibus test; null where nobody or everybody converted")]
    sample_ratio: Annotated[SampleRatio, about("the sample-ratio test")]
    planned: Annotated[RuleVerdict, about("if these are the counts of the planned end, and nobody decided before")]
    unplanned: Annotated[RuleVerdict, about("if there is no plan: valid on whichever day one looks")]
    engine: str
    prior: str
    seed: int
    model_version: str
    rules_version: Annotated[str, about("version of the rules of the verdicts")]
