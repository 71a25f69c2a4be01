"""`abtest analyze`: intervals, tests and posterior of given counts."""

from typing import Annotated

import typer


def analyze(
    counts: Annotated[
        str, typer.Option(help="Conversions and users of each arm, such as A=50/1000,B=70/1000.", metavar="COUNTS")
    ],
    control: Annotated[
        str | None, typer.Option(help="The arm to compare with; by default `control`, else the lowest name.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Planned shares in the order of the counts, such as .5,.5; equal by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON, as the API's /analyze answers.")] = False,
) -> None:
    """Analyze given counts: intervals, tests, posterior, and the result of a planned or an unplanned experiment."""
    from abtest_lib.analysis.analyze import analyze as run_analysis
    from abtest_lib.analysis.counts import parse_counts, parse_split

    found = run_analysis(parse_counts(counts), control, None if split is None else parse_split(split))
    if as_json:
        import json

        typer.echo(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
        return
    from rich.console import Console

    Console().print(found)
