"""What the wheel holds is listed by name: a package that nobody listed would be missing on the cluster alone."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHIPPED = ("abtest_cli", "abtest_lib", "api", "conf", "dashboard", "jobs")


def test_every_package_is_listed() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    there = {
        ".".join(found.parent.relative_to(ROOT).parts)
        for name in SHIPPED
        for found in (ROOT / name).rglob("__init__.py")
    }
    assert there == set(listed)
