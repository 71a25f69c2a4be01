"""`python -m abtest_lib.contracts > docs/tables.md`: the table reference, from the contracts themselves."""

import sys
from collections.abc import Iterator

from abtest_lib.contracts import ALL_TABLES, FORGOTTEN, TableContract


def reference() -> str:
    """Return the table reference as Markdown."""
    intro = [
        "# Tables",
        "",
        "Written by `python -m abtest_lib.contracts > docs/tables.md`; a test compares it with the contracts.",
        "Instants are UTC, `day` is a date in the reporting time zone, a ratio of 0.02 is two per cent.",
    ]
    return "\n".join([*intro, *(line for contract in (*ALL_TABLES, FORGOTTEN) for line in _section(contract))]) + "\n"


def _section(contract: TableContract) -> Iterator[str]:
    yield from ("", f"## {contract.full_name}", "")
    parted = f", partitioned by {', '.join(contract.partition_by)}" if contract.partition_by else ""
    yield f"One row per {contract.grain}; key {', '.join(contract.key)}{parted}."
    yield from ("", "| column | type | null | meaning |", "|---|---|---|---|")
    for column in contract.columns:
        null = "yes" if column.nullable else ""
        yield f"| {column.name} | {column.type} | {null} | {column.meaning.replace('|', chr(92) + '|')} |"


if __name__ == "__main__":
    sys.stdout.write(reference())
