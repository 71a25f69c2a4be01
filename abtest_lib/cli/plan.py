"""`abtest plan`: how many users and days an experiment needs, and what a running one can still find."""

from typing import Annotated

import typer


def plan(
    baseline: Annotated[float, typer.Option(help="The control's conversion, e.g. 0.05 for 5 %.")],
    mde: Annotated[
        float | None, typer.Option(help="The smallest relative lift worth finding, e.g. 0.1 for +10 %.")
    ] = None,
    arms: Annotated[int, typer.Option(help="Arms, the control among them.")] = 2,
    power: Annotated[float, typer.Option(help="The probability of finding that lift.")] = 0.8,
    alpha: Annotated[float, typer.Option(help="The share of false alarms that is accepted.")] = 0.05,
    daily_users: Annotated[
        float | None, typer.Option(help="New users a day, all arms together; turns users into days.")
    ] = None,
    users: Annotated[
        float | None,
        typer.Option(help="Users per arm that a running experiment has or will have: says what it can still find."),
    ] = None,
) -> None:
    """Plan an experiment: users per arm and days for a lift (--mde), or the lift that users can find (--users)."""
    from rich.console import Console
    from rich.table import Table

    from abtest_lib.errors import UsageError
    from abtest_lib.stats.power import Design, Rule, detectable_lift, users_per_arm

    if (mde is None) == (users is None):
        raise UsageError("give either --mde, to get users, or --users, to get the smallest effect they can find")
    if daily_users is not None and not daily_users > 0:
        raise UsageError(f"--daily-users is {daily_users}: must be above 0")
    titles = {
        Rule.FIXED: "one look at the end",
        Rule.PLANNED: "planned, daily looks",
        Rule.UNPLANNED: "unplanned, daily looks",
    }
    table = Table("rule", "users per arm", "users", "days", "finds a lift of")
    for rule, title in titles.items():
        design = Design(baseline, arms, power, alpha, rule)
        needed = users_per_arm(design, mde) if mde is not None else users or 0.0
        lift = mde if mde is not None else detectable_lift(design, needed)
        days = "" if daily_users is None else f"{-(-needed * arms // daily_users):,.0f}"
        found = "none" if lift is None else f"{lift:+.2%}"
        table.add_row(title, f"{needed:,.0f}", f"{needed * arms:,.0f}", days, found)
    console = Console()
    console.print(table)
    console.print(
        f"Control converts {baseline:.2%}; {arms} arms of equal size, power {power:.0%}, {alpha:.1%} false alarms, "
        "28 looks.\nWrite the users of all arms to the registry (planned_users) before the experiment starts, and the "
        "planned\nrule applies; it often ends sooner."
    )
