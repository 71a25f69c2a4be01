"""The latest verdict of every experiment, for the terminal."""

from rich.console import Console
from rich.markup import escape

from abtest_lib.analysis.experiments import ExperimentList
from abtest_lib.contracts.enums import Decision

_ONE_ARM = "too_few_arms"


def print_verdicts(console: Console, experiments: ExperimentList, lake: str, most: int | None) -> None:
    """Print the verdicts, the sentences of those that are decided or not valid, and where to see more.

    Args:
        console: Where to.
        experiments: The experiments of a lake.
        lake: The location of the lake.
        most: The largest number of rows; a line counts the others.
    """
    if not experiments:
        return
    shown = experiments[:most]
    console.print(shown)
    if len(shown) < len(experiments):
        hidden = len(experiments) - len(shown)
        console.print(f"[bold]{hidden:,} more:[/] abtest results --lake {lake} lists all of them", highlight=False)
    alone = [escape(item.name) for item in shown if _ONE_ARM in item.reasons]
    for item in shown:
        if item.decision != Decision.INCONCLUSIVE and _ONE_ARM not in item.reasons:
            console.print(f"[bold]{escape(item.name)}[/]: {escape(item.explanation)}", highlight=False)
    if alone:
        console.print(f"[bold]Fewer than two arms, so nothing to compare:[/] {', '.join(alone)}.", highlight=False)
    console.print(f"[dim]abtest results EXPERIMENT --lake {lake} shows one of them[/]", highlight=False)
