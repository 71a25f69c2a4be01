"""`abtest plan`: how many users and days an experiment needs, and what a running one can still find."""

from typing import Annotated

import typer

from abtest_cli.options import MaybeLakeOption
from abtest_cli.plan_metric import Wanted, print_plan
from abtest_cli.tables import number_table

# By the names of abtest_lib.stats.power.Rule, which is too slow to import for `--help`.
_TITLES = {
    "fixed": "one look at the end",
    "planned": "planned, daily looks",
    "unplanned": "unplanned, daily looks",
}
_LOOKS = "The daily rules are computed with 28 looks, one a day for four weeks."
"""What abtest_lib.stats.power.Design takes for `looks`."""


def plan(  # noqa: PLR0917  the options of a command
    baseline: Annotated[float | None, typer.Option(help="The control's conversion, e.g. 0.05 for 5 %.")] = None,
    mde: Annotated[
        float | None, typer.Option(help="The smallest relative lift worth finding, e.g. 0.1 for +10 %.")
    ] = None,
    arms: Annotated[int, typer.Option(help="Number of arms, control included.")] = 2,
    power: Annotated[float, typer.Option(help="The probability of finding that lift.")] = 0.8,
    alpha: Annotated[float, typer.Option(help="The share of false alarms that is accepted.")] = 0.05,
    daily_users: Annotated[
        float | None, typer.Option(help="New users a day in all arms; turns users into days.")
    ] = None,
    users: Annotated[
        float | None,
        typer.Option(help="Users per arm; prints the smallest lift that they can find."),
    ] = None,
    experiment: Annotated[
        str | None, typer.Option(help="A running experiment; prints what it can find today and in some weeks.")
    ] = None,
    lake: MaybeLakeOption = None,
    metric: Annotated[
        str | None, typer.Option(help="A metric; its mean and variance come from --lake, or from --mean and --sd.")
    ] = None,
    mean: Annotated[float | None, typer.Option(help="The metric's mean per user.")] = None,
    sd: Annotated[float | None, typer.Option(help="The metric's standard deviation between users.")] = None,
    correlation: Annotated[float, typer.Option(help="The correlation of the metric and its covariate.")] = 0.0,
    guardrail: Annotated[
        list[str] | None, typer.Option(help="NAME=MARGIN of a guardrail, e.g. second_week=2%; can be repeated.")
    ] = None,
) -> None:
    """Plan an experiment: users and days for a lift (--mde), or the lift that users or a running one can find."""
    from abtest_lib.errors import UsageError

    if metric is not None:
        if mde is None or (baseline, users) != (None, None):
            raise UsageError("--metric takes --mde, the smallest relative effect, and neither --baseline nor --users")
        _check_daily_users(daily_users)
        wanted = Wanted(metric, mde, guardrail or (), lake, experiment, (mean, sd, correlation))
        _plan_metric(wanted, arms, power, alpha, daily_users)
        return
    if (mean, sd) != (None, None) or correlation or guardrail:
        raise UsageError("--mean, --sd, --correlation and --guardrail need --metric")
    if experiment is not None or lake is not None:
        if experiment is None or lake is None or (baseline, mde, users) != (None, None, None):
            raise UsageError("a running experiment takes --experiment and --lake alone; both are needed")
        _running(lake, experiment, power, alpha)
        return
    _check_shares(baseline, mde)
    if baseline is None:
        raise UsageError("give --baseline, the control's conversion, or --experiment and --lake of a running one")
    _new(baseline, mde, arms, power, alpha, daily_users, users)


def _check_shares(baseline: float | None, mde: float | None) -> None:
    """Reject a baseline written in per cent, and note what a large lift means."""
    from rich.console import Console

    from abtest_lib.errors import UsageError

    if baseline is not None and 1 <= baseline < 100:  # noqa: PLR2004  percent
        raise UsageError(
            f"--baseline is {baseline:g}: must be a share below 1; for {baseline:g} % write {baseline / 100:g}"
        )
    if mde is not None and mde >= 1:
        note = f"--mde {mde:g} is a lift of {mde * 100:+g} %; for +{mde:g} % write {mde / 100:g}"
        Console(stderr=True, soft_wrap=True).print(f"[yellow]note:[/] {note}", highlight=False)


def _check_daily_users(daily_users: float | None) -> None:
    from abtest_lib.errors import UsageError

    if daily_users is not None and not daily_users > 0:
        raise UsageError(f"--daily-users is {daily_users}: must be above 0")


def _plan_metric(wanted: Wanted, arms: int, power: float, alpha: float, daily_users: float | None) -> None:
    from abtest_lib.stats.power_means import Test

    print_plan(wanted, Test(arms, power, alpha), _TITLES, daily_users)


def _running(lake: str, experiment: str, power: float, alpha: float) -> None:
    from rich.console import Console
    from rich.markup import escape

    from abtest_cli.running import read_running
    from abtest_lib.errors import one_line
    from abtest_lib.stats.power import Design, Rule, detectable_lift

    now = read_running(lake, experiment)
    rows = []
    for days in (0, 7, 14, 28):
        users = now.users + days * now.daily_users
        designs = [Design(now.baseline, now.arms, power, alpha, Rule(rule)) for rule in _TITLES]
        lifts = [detectable_lift(design, users) for design in designs]
        when = f"to {now.day}" if days == 0 else f"{days} days later"
        rows.append([when, f"{users:,.0f}", *("none" if lift is None else f"{lift:+.1%}" for lift in lifts)])
    console = Console()
    console.print(f"[bold]{escape(one_line(experiment))}[/]: the smallest lift that it finds with {power:.0%} power")
    console.print(number_table(["when", "users per arm", *_TITLES.values()], rows))
    console.print(
        f"Control {escape(now.control)} converts {now.baseline:.2%}; {now.arms} arms, of which the smallest gains "
        f"{now.daily_users:,.0f} users a day; {alpha:.1%} false alarms. {_LOOKS}",
        highlight=False,
    )


def _new(
    baseline: float,
    mde: float | None,
    arms: int,
    power: float,
    alpha: float,
    daily_users: float | None,
    users: float | None,
) -> None:
    from rich.console import Console

    from abtest_lib.errors import UsageError
    from abtest_lib.stats.power import Design, Rule, detectable_lift, users_per_arm

    if (mde is None) == (users is None):
        raise UsageError("give either --mde, to get users, or --users, to get the smallest effect they can find")
    _check_daily_users(daily_users)
    rows = []
    for rule, title in _TITLES.items():
        design = Design(baseline, arms, power, alpha, Rule(rule))
        needed = users_per_arm(design, mde) if mde is not None else users or 0.0
        lift = mde if mde is not None else detectable_lift(design, needed)
        days = [] if daily_users is None else [f"{-(-needed * arms // daily_users):,.0f}"]
        found = "none" if lift is None else f"{lift:+.2%}"
        rows.append([title, f"{needed:,.0f}", f"{needed * arms:,.0f}", *days, found])
    console = Console()
    titles = ["rule", "users per arm", "users", *([] if daily_users is None else ["days"]), "finds a lift of"]
    console.print(number_table(titles, rows))
    console.print(
        f"Control converts {baseline:.2%}; {arms} arms of equal size, power {power:.0%}, {alpha:.1%} false alarms. "
        f"{_LOOKS}",
        highlight=False,
    )
    console.print(
        "Write the users of all arms to the registry (planned_users) before the experiment starts, and the planned "
        "rule applies; it often ends sooner.",
        highlight=False,
    )
