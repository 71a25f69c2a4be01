"""`abtest plan --metric`: the users that a goal and its guardrails need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abtest_lib.stats.power_means import Test, UserValues


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command was asked for.

    Attributes:
        metric: The goal.
        mde: The smallest relative effect on it that is worth finding.
        guardrails: NAME=MARGIN, the margin relative (2% or 0.02).
        lake: Where the values come from; None where they are given.
        experiment: The experiment whose values are used.
        values: The values given by hand: mean, sd and correlation.
    """

    metric: str
    mde: float
    guardrails: Sequence[str]
    lake: str | None
    experiment: str | None
    values: tuple[float | None, float | None, float]


def print_plan(wanted: Wanted, test: "Test", titles: Mapping[str, str], daily_users: float | None) -> None:
    """Print the users per arm of the goal and of every guardrail, and the largest of them.

    Args:
        wanted: The metrics and their effects.
        test: Arms, power and level; the rule is set for each line.
        titles: The rules and their names for a person.
        daily_users: New users a day in all arms; None leaves the days out.
    """
    from dataclasses import replace

    from rich.console import Console
    from rich.markup import escape

    from abtest_cli.tables import number_table
    from abtest_lib.stats.power import Rule
    from abtest_lib.stats.power_means import guardrail_test, users_for_lift

    margins = dict(_margin(text) for text in wanted.guardrails)
    effects = {wanted.metric: wanted.mde, **margins}
    values = {name: _values(wanted, name) for name in effects}
    rows = []
    for rule, title in titles.items():
        goal = replace(test, rule=Rule(rule))
        guardrail = guardrail_test(goal, len(margins))
        needed = [
            users_for_lift(values[name], guardrail if name in margins else goal, effect)
            for name, effect in effects.items()
        ]
        most = max(needed)
        days = [] if daily_users is None else [f"{-(-most * test.arms // daily_users):,.0f}"]
        rows.append([title, *(f"{users:,}" for users in needed), f"{most:,}", f"{most * test.arms:,}", *days])
    console = Console()
    heads = ["rule", *effects, "users per arm", "users", *([] if daily_users is None else ["days"])]
    console.print(number_table([escape(head) for head in heads], rows))
    for name, effect in effects.items():
        what = "margin" if name in margins else "effect"
        console.print(escape(f"{name}: {_described(values[name])}; {what} {effect:.2%}"), highlight=False)
    console.print(
        f"{test.arms} arms of equal size, power {test.power:.0%} for the goal and for all guardrails together, "
        f"{test.alpha:.1%} false alarms. The daily rules are computed with {test.looks} looks.",
        highlight=False,
    )


def _values(wanted: Wanted, name: str) -> "UserValues":
    from abtest_cli.metric_values import read_values
    from abtest_lib.errors import UsageError
    from abtest_lib.stats.power_means import UserValues

    mean, sd, correlation = wanted.values
    if name == wanted.metric and mean is not None and sd is not None:
        return UserValues(mean, sd, correlation)
    if wanted.lake is None:
        raise UsageError(f"no values of '{name}': give --lake, or --mean and --sd of the metric")
    return read_values(wanted.lake, name, wanted.experiment)[1]


def _margin(text: str) -> tuple[str, float]:
    from abtest_lib.errors import UsageError

    name, _, margin = text.rpartition("=")
    try:
        number = float(margin.removesuffix("%")) / (100 if margin.endswith("%") else 1)
    except ValueError:
        number = 0.0
    if not name or not 0 < number < 1:
        raise UsageError(f"--guardrail is '{text}': must be NAME=MARGIN with a relative margin, e.g. second_week=2%")
    return name, number


def _described(values: "UserValues") -> str:
    adjusted = f", correlation {values.correlation:.3f} with the covariate" if values.correlation else ""
    return f"mean {values.mean:.6g} and standard deviation {values.sd:.6g} per user{adjusted}"
