"""What an analysis of counts at hand finds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import RenderableType

from abtest_lib.analysis.arms import Arm, Comparison, Interval, find_arm
from abtest_lib.analysis.arms_table import arms_html, arms_table, fit_columns, legend
from abtest_lib.analysis.display import Displayed, html_line, html_small_print, line, small_print
from abtest_lib.contracts.enums import Decision, SrmStatus
from abtest_lib.errors import one_line
from abtest_lib.formatting import p_equation

if TYPE_CHECKING:
    import pandas as pd
    from plotly.graph_objects import Figure

    from abtest_lib import answers

_SRM = {
    SrmStatus.OK: "users arrived as expected",
    SrmStatus.MISMATCH: "users did not arrive as expected",
    SrmStatus.NOT_TESTED: "not tested, an arm expects fewer than 10 users",
}
_COMPARED = "arms against the control: score intervals that hold for all arms together with 95 %, on one look"
_PLANNED = "As the last look of a plan"
_UNPLANNED = "Without a plan, looked at on any day"


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """The omnibus test: do any two arms convert differently?

    Attributes:
        statistic: Pearson's chi-square over all arms, without continuity correction.
        dof: Degrees of freedom.
        p_value: Of the statistic; valid for one look.
    """

    statistic: float
    dof: int
    p_value: float


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """The sample-ratio test: did users arrive in the planned shares?

    Attributes:
        status: `ok`; `mismatch` when the p-value is below 0.001; `not_tested` when an arm expects fewer than 10 users.
        p_value: Of the chi-square test against the shares; None where it was not made.
        shares: Arm to its expected share, a proportion.
        is_planned: Whether the shares were given; else equal ones are assumed.
    """

    status: SrmStatus
    p_value: float | None
    shares: Mapping[str, float]
    is_planned: bool


@dataclass(frozen=True, slots=True)
class Look:
    """The sequential test of one arm.

    Attributes:
        boundary: Critical |z|; None where there are too few conversions for a test.
        interval: Interval of the difference that inverts the test at this boundary, proportions; None without a test.
    """

    boundary: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """What the suite would decide by one rule.

    Attributes:
        decision: `ship`, `keep_control`, `inconclusive` or `invalid`.
        reasons: Codes of everything that a reader must know, the heaviest first; docs/verdict.md explains each.
        explanation: One sentence for a person.
        looks: Arm to its test; all arms except the control.
    """

    decision: Decision
    reasons: tuple[str, ...]
    explanation: str
    looks: Mapping[str, Look]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Analysis(Displayed):
    """The analysis of counts at hand.

    Attributes:
        control: The arm that the others are compared with.
        arms: The arms, in the order of the counts.
        chi_square: The omnibus test; None where nobody or everybody converted.
        sample_ratio: The sample-ratio test.
        planned: The verdict if these counts are those of the planned end and nobody decided on an earlier look.
        unplanned: The verdict if there is no plan: the boundary is valid on whichever day one looks.
        engine: The engine of the posteriors.
        prior: The name of the prior.
        seed: The seed of the posterior's draws.
        model_version: Version of model and engines.
        rules_version: Version of the rules of the verdicts.
    """

    control: str
    arms: tuple[Arm, ...]
    chi_square: ChiSquare | None
    sample_ratio: SampleRatio
    planned: RuleVerdict
    unplanned: RuleVerdict
    engine: str
    prior: str
    seed: int
    model_version: str
    rules_version: str

    def __getitem__(self, arm_id: str) -> Arm:
        """Return one arm.

        Raises:
            UsageError: There is no such arm.
        """
        return find_arm(self.arms, arm_id)

    def to_dict(self) -> "answers.Analysis":
        """Return plain data: the answer of the API's `/analyze`, which `abtest_lib.answers` describes."""
        from abtest_lib.analysis.as_dict import analysis_dict  # noqa: PLC0415  the shapes of the API take time to import

        return analysis_dict(self)

    def to_pandas(self) -> "pd.DataFrame":
        """Return one row for each arm; columns are named as in gold/posteriors and gold/comparisons."""
        from abtest_lib.analysis.frames import arms_frame  # noqa: PLC0415  pandas is imported on demand

        return arms_frame(self.arms).drop(columns=["boundary", "decision_lower", "decision_upper"])

    def plot(self, kind: str = "conversion") -> "Figure":
        """Draw the posterior of each arm's conversion, or of its lift over the control.

        Args:
            kind: `conversion` or `lift`.

        Raises:
            UsageError: There is no such kind.
        """
        from abtest_lib.analysis.figures import posterior_plot  # noqa: PLC0415  plotly is imported on demand

        return posterior_plot(self.arms, self.prior, "Counts at hand", kind)

    def _parts(self, width: int) -> Iterator[RenderableType]:
        columns = fit_columns(self.arms, width)
        yield arms_table(self.arms, columns)
        yield from map(small_print, (legend(columns), self._fit, _COMPARED))
        for bold, plain in self._sentences:
            yield line(bold, plain)

    def _repr_html_(self) -> str:
        sentences = "".join(html_line(bold, plain) for bold, plain in self._sentences)
        notes = "".join(map(html_small_print, (self._fit, _COMPARED)))
        return arms_html(self.arms) + notes + sentences

    @property
    def _fit(self) -> str:
        problems = {arm.problem for arm in self.arms if arm.problem}
        return "; ".join([*sorted(problems), f"{self.engine}, prior {self.prior}, model {self.model_version}"])

    @property
    def _sentences(self) -> Iterator[tuple[str, str]]:
        for arm in self.arms:
            if arm.comparison is not None:
                yield f"{one_line(arm.id, 40)} against {one_line(self.control, 40)}", _compared(arm.comparison)
        yield "All arms together", _omnibus(self.chi_square)
        yield "Sample ratio", _ratio(self.sample_ratio)
        for title, verdict in ((_PLANNED, self.planned), (_UNPLANNED, self.unplanned)):
            yield title, f": {one_line(verdict.explanation, 1_000)}"


def _compared(found: Comparison) -> str:
    interval, parts = found.difference_interval, []
    ends = "" if interval is None else f" ({_points(interval.lower)} … {_points(interval.upper)})"
    parts.append(f"{_points(found.difference)}{ends} percentage points")
    if found.lift is not None:
        wide = found.lift_interval
        ends = "" if wide is None else f" ({wide.lower:+.1%} … {wide.upper:+.1%})"
        parts.append(f"observed lift {found.lift:+.1%}{ends}")
    if found.statistic is not None and found.p_adjusted is not None:
        adjusted = "" if found.p_adjusted == found.p_value else "adjusted "
        parts.append(f"z = {found.statistic:.2f}, {adjusted}{p_equation(found.p_adjusted)}")
    return ": " + "; ".join(parts)


def _omnibus(test: ChiSquare | None) -> str:
    if test is None:
        return ": no chi-square test, because nobody or everybody converted."
    degrees = "1 degree" if test.dof == 1 else f"{test.dof} degrees"
    return f": chi-square {test.statistic:.2f} with {degrees} of freedom, {p_equation(test.p_value)}"


def _ratio(test: SampleRatio) -> str:
    kind = "planned" if test.is_planned else "assumed equal"
    shown = "" if test.p_value is None else f", {p_equation(test.p_value)}"
    shares = " : ".join(f"{100 * share:.4g}" for share in test.shares.values())
    return f": {_SRM[test.status]} ({shares}, {kind}){shown}"


def _points(difference: float) -> str:
    return f"{100 * difference:+.2f}"
