"""Spark Connect, and so Databricks serverless, has no JVM to reach into: nothing but the session builder may."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ONLY_CLASSIC = {
    "SparkContext",
    "SQLContext",
    "_jdf",
    "_jsc",
    "_jsparkSession",
    "_jvm",
    "_sc",
    "foreachPartition",
    "rdd",
    "sparkContext",
}
BUILDER = ROOT / "abtest_lib" / "spark" / "session.py"
SOURCES = [
    path
    for folder in ("abtest_lib", "jobs", "notebooks")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path != BUILDER
]


def classic_only(source: str) -> Iterator[str]:
    """What a piece of code uses that exists only where Python shares a process with the driver's JVM."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            name = node.attr
        elif isinstance(node, ast.Name):
            name = node.id
        elif isinstance(node, ast.alias):
            name = node.name.rpartition(".")[2]
        else:
            continue
        if name in ONLY_CLASSIC:
            yield f"{name} in line {getattr(node, 'lineno', '?')}"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("spark._jvm.java", ["_jvm in line 1"]),
        ("x = 1\nframe.rdd.map(f)", ["rdd in line 2"]),
        ("from pyspark import SparkContext", ["SparkContext in line 1"]),
        ("spark.sparkContext", ["sparkContext in line 1"]),
        ("'spark.sparkContext'  # frame.rdd", []),
        ("frame.mapInArrow(f, s)", []),
    ],
)
def test_what_is_found(source: str, found: list[str]) -> None:
    assert list(classic_only(source)) == found


def test_nothing_reaches_into_the_jvm() -> None:
    assert len(SOURCES) > 50
    problems = {str(path): list(classic_only(path.read_text(encoding="utf-8"))) for path in SOURCES}
    assert {path: found for path, found in problems.items() if found} == {}
