"""`abtest results`: the arms and the decision of one experiment."""

from typing import Annotated

import typer

from abtest_cli.options import DayOption, LakeOption


def results(
    lake: LakeOption,
    experiment: Annotated[str | None, typer.Argument(help="The experiment's name; without it all are listed.")] = None,
    day: DayOption = None,
    window: Annotated[str, typer.Option(help="to_date (the experiment so far) or day (that day alone).")] = "to_date",
) -> None:
    """Print the arms of an experiment: conversion, chance to be best and to beat control, lift, and the decision."""
    from rich.console import Console

    from abtest_cli.verdict_table import print_verdicts
    from abtest_lib.analysis.lake_results import open_lake
    from abtest_lib.errors import LakeError

    opened = open_lake(lake)
    if experiment is not None:
        Console().print(opened.result(experiment, day, window))
        return
    experiments = opened.experiments()
    if not experiments:
        raise LakeError(f"lake {lake} holds no results: run the pipeline first")
    print_verdicts(Console(), experiments, lake, most=None)
