"""Fill the tables of README.md from the CSV files of this folder.

python benchmarks/calibration/metrics/report.py
"""

import csv
import re
from pathlib import Path

HERE = Path(__file__).parent
SHARES = {"planned", "unplanned", "planned_without_gate", "coverage", "coverage_lift", "shipped"}


def table(name: str) -> str:
    """Return the rows of a CSV file as a Markdown table; shares are turned into per cent."""
    with (HERE / f"{name}.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    heads = list(rows[0])
    lines = [heads, ["---"] * len(heads)]
    lines += [[f"{float(row[head]):.2%}" if head in SHARES else row[head] for head in heads] for row in rows]
    return (
        "\n".join(f"| {' | '.join(line)} |" for line in lines).replace("_", " ").replace("%", " %").replace("  %", " %")
    )


def main() -> None:
    """Replace what stands between the markers of each table."""
    path = HERE / "README.md"
    text = path.read_text(encoding="utf-8")
    for name in ("aa", "shipping"):
        content = f"<!-- {name} -->\n{table(name)}\n<!-- /{name} -->"
        text = re.sub(rf"<!-- {name} -->.*?<!-- /{name} -->", lambda _, new=content: new, text, flags=re.DOTALL)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
