"""Imports point one way: entry points to the library, and inside it down the list of docs/architecture.md."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARY = "abtest_lib"
ENTRY_POINTS = ("jobs", "abtest_cli", "api", "dashboard")
ALLOWED = {
    "contracts": {"contracts"},
    "answers": {"answers", "contracts"},
    "metrics": {"metrics", "contracts"},
    "registry": {"registry", "metrics", "contracts"},
    "stats": {"stats"},
    "bayes": {"bayes", "stats", "contracts"},
    "verdict": {"verdict", "stats", "registry", "metrics", "contracts"},
    "analysis": {"analysis", "answers", "lake", "verdict", "bayes", "stats", "registry", "metrics", "contracts"},
    "traffic": {"traffic", "contracts", "registry", "metrics"},
    "spark": {"spark", "contracts"},
    "lake": {"lake", "spark", "contracts"},
    "ingest": {"ingest", "spark", "contracts"},
    "transforms": {"transforms", "spark", "registry", "metrics", "contracts", "verdict"},
}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def modules(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found
    return found


def test_the_library_imports_no_entry_point() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(LIBRARY)
        for name in imports(path)
        if name.split(".")[0] in ENTRY_POINTS
    ]
    assert not wrong


@pytest.mark.parametrize("package", ALLOWED)
def test_packages_import_only_what_is_below_them(package: str) -> None:
    wrong = []
    for path in modules(f"{LIBRARY}/{package}"):
        for name in imports(path):
            parts = name.split(".")
            is_package = parts[0] == LIBRARY and len(parts) > 1 and (ROOT / LIBRARY / parts[1]).is_dir()
            if is_package and parts[1] not in ALLOWED[package]:
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong


@pytest.mark.parametrize(("entry", "others"), [("api", {"abtest_cli", "dashboard", "jobs"}), ("dashboard", {"api"})])
def test_entry_points_do_not_import_each_other(entry: str, others: set[str]) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(entry)
        for name in imports(path)
        if name.split(".")[0] in others
    ]
    assert not wrong
