"""Write the results of `run.py` into README.md, between its markers.

python benchmarks/calibration/decisions/report.py
"""

import csv
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
LIMIT = 0.0565

Table = list[dict[str, str]]


def read(name: str) -> Table:
    """Read the rows of a CSV; none if there is no such file yet."""
    path = HERE / f"{name}.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def percent(value: str | float) -> str:
    """Format a share as a percentage."""
    return f"{100 * float(value):.2f} %"


def false_decisions(rows: Table) -> str:
    """Summarise cells by arms and base rate: the range of each rule over traffic, entry and delay."""
    names = ("planned", "unplanned", "naive_chi_square", "naive_probability")
    lines = []
    for arms, rate in sorted(
        {(row["arms"], row["rate"]) for row in rows}, key=lambda key: (int(key[0]), float(key[1]))
    ):
        cells = [row for row in rows if (row["arms"], row["rate"]) == (arms, rate)]
        ends = [
            f"{percent(min(float(c[n]) for c in cells))} … {percent(max(float(c[n]) for c in cells))}" for n in names
        ]
        lines.append([arms, percent(rate), str(len(cells)), *ends])
    largest = {name: max(float(row[name]) for row in rows) for name in names[:2]}
    above = sum(float(row[name]) > LIMIT for row in rows for name in names[:2])
    header = ("arms", "base rate", "cells", "planned rule", "unplanned rule", "daily χ² < 5 %", "P > 95 % on any day")
    shares = f"Largest share: planned {percent(largest['planned'])}, unplanned {percent(largest['unplanned'])}"
    summary = f"{len(rows)} cells of {rows[0]['experiments']} experiments. {shares}; cells above 5.65 %: {above}."
    summary += " Every cell is in `aa.csv`."
    return f"{summary}\n\n{markdown(header, lines)}"


def power(rows: Table) -> str:
    """Format one line per cell."""
    shares = ("fixed", "planned", "planned_over_fixed", "planned_time_saved", "unplanned", "wrong_arm_shipped")
    header = (
        "arms",
        "base rate",
        "purchases",
        "users an arm",
        "one look",
        "planned",
        "planned / one look",
        "plan saved",
        "unplanned",
        "wrong arm",
    )
    lines = [
        [
            row["arms"],
            percent(row["rate"]),
            row["purchases"],
            f"{int(row['users_per_arm']):,}",
            *(percent(row[name]) for name in shares),
        ]
        for row in rows
    ]
    return markdown(header, lines)


def questions(rows: Table) -> str:
    """Format one line per question."""
    key, *_, value = rows[0]
    return markdown(("question", "share"), [[row[key], percent(row[value])] for row in rows])


def main() -> None:
    """Fill in the README."""
    readme = HERE / "README.md"
    text = readme.read_text(encoding="utf-8")
    for name, render in (("aa", false_decisions), ("power", power), ("validity", questions), ("ramp", questions)):
        rows = read(name)
        start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, rest = text.split(start)
        after = rest.split(end)[1]
        text = f"{before}{start}\n{render(rows) if rows else 'not run yet'}\n{end}{after}"
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
