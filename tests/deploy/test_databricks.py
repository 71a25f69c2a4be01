"""The bundle, held against the classes that Databricks generates from its schema, and against the project itself."""

import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from databricks.bundles.jobs import ClusterSpec, Job
from databricks.bundles.schemas import Schema
from databricks.bundles.volumes import Volume

from abtest_lib.pipeline.job import _parser

# The top level is no resource and has no class; these are its documented fields.
TOP = {
    "bundle",
    "include",
    "variables",
    "artifacts",
    "sync",
    "targets",
    "resources",
    "workspace",
    "permissions",
    "run_as",
}
TARGET = {
    "mode",
    "default",
    "variables",
    "workspace",
    "run_as",
    "permissions",
    "presets",
    "resources",
    "sync",
    "artifacts",
}
ARTIFACT = {"type", "build", "path", "files", "executable", "dynamic_version"}
VARIABLE = {"description", "default", "lookup", "type"}
CLASSES = {"jobs": Job, "schemas": Schema, "volumes": Volume}
KNOWN_TO_DATABRICKS = ("bundle.", "workspace.", "job.")


@pytest.fixture
def bundle(root: Path) -> dict[str, Any]:
    """databricks.yml with the files that it includes."""
    merged: dict[str, Any] = yaml.safe_load((root / "databricks.yml").read_text(encoding="utf-8"))
    included = [path for pattern in merged["include"] for path in sorted(root.glob(pattern))]
    assert len(included) >= 3
    for path in included:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert set(content) == {"resources"}, path
        for kind, named in content["resources"].items():
            known = merged.setdefault("resources", {}).setdefault(kind, {})
            assert not set(known) & set(named), f"twice in the bundle: {path}"
            known |= named
    return merged


def texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [value] if isinstance(value, str) else []


def resolved(bundle: dict[str, Any], text: str) -> str:
    """The text with the defaults of the bundle's variables, as often as they nest."""

    def value(match: re.Match[str]) -> str:
        path = match[1]
        if path.startswith("var."):
            return str(bundle["variables"][path.removeprefix("var.")]["default"])
        if path.startswith("resources."):
            found: Any = bundle
            for part in path.split("."):
                found = found[part]
            return str(found)
        assert path.startswith(KNOWN_TO_DATABRICKS), path
        return match[0].replace("${", "<").replace("}", ">")

    while "${" in text:
        text = re.sub(r"\$\{([^}]+)\}", value, text)
    return text


def tasks(bundle: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(name, task) for name, job in bundle["resources"]["jobs"].items() for task in job["tasks"]]


def test_every_resource_is_one_that_databricks_knows(bundle: dict[str, Any]) -> None:
    assert set(bundle["resources"]) == set(CLASSES)
    for kind, named in bundle["resources"].items():
        for content in named.values():
            CLASSES[kind].from_dict(content)
    ClusterSpec.from_dict(bundle["variables"]["cluster"]["default"])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("tasks", 0, "python_wheel_tsk"), {}),
        (("tasks", 0, "max_retries"), "often"),
        (("schedule", "pause_status"), "RUNNING"),
        (("health", "rules", 0, "metric"), "HOURS"),
    ],
)
def test_mistakes_are_seen(path: tuple[str | int, ...], value: object, bundle: dict[str, Any]) -> None:
    place: Any = bundle["resources"]["jobs"]["pipeline"]
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    with pytest.raises((ValueError, TypeError)):
        Job.from_dict(bundle["resources"]["jobs"]["pipeline"])


def test_the_top_level_has_documented_fields_only(bundle: dict[str, Any]) -> None:
    assert set(bundle) <= TOP
    for target in bundle["targets"].values():
        assert set(target) <= TARGET
        assert target["mode"] in {"development", "production"}
        assert set(target.get("variables", {})) <= set(bundle["variables"])
    assert sum(bool(target.get("default")) for target in bundle["targets"].values()) == 1
    assert all(set(artifact) <= ARTIFACT for artifact in bundle["artifacts"].values())
    assert all(set(variable) <= VARIABLE for variable in bundle["variables"].values())


def test_every_reference_leads_somewhere_and_every_variable_is_used(bundle: dict[str, Any]) -> None:
    told = texts([bundle["resources"], bundle["variables"]])
    assert any("${" in text for text in told)
    for text in told:
        resolved(bundle, text)
    used = set(re.findall(r"\$\{var\.(\w+)\}", " ".join(told)))
    assert used == set(bundle["variables"])


def test_every_task_has_compute_that_its_job_declares(bundle: dict[str, Any]) -> None:
    for name, task in tasks(bundle):
        job = bundle["resources"]["jobs"][name]
        environments = {item["environment_key"] for item in job.get("environments", [])}
        clusters = {item["job_cluster_key"] for item in job.get("job_clusters", [])}
        assert (task.get("environment_key") in environments) != (task.get("job_cluster_key") in clusters), name


def test_the_wheel_task_is_an_entry_point_of_the_wheel(bundle: dict[str, Any], root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = project["entry-points"]["packages"]
    wheel_tasks = [task["python_wheel_task"] for _, task in tasks(bundle) if "python_wheel_task" in task]
    assert len(wheel_tasks) == 2
    for task in wheel_tasks:
        assert task["package_name"] == project["name"].replace("-", "_")
        module, function = declared[task["entry_point"]].split(":")
        assert callable(getattr(import_module(module), function))


def test_all_jobs_are_entry_points(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    files = {path.stem for path in (root / "jobs").glob("[a-z]*.py")}
    assert {name: f"jobs.{name}:main" for name in files} == project["entry-points"]["packages"]


def test_the_job_understands_its_parameters(bundle: dict[str, Any]) -> None:
    parsed = []
    for name, task in tasks(bundle):
        parameters = {item["name"]: item["default"] for item in bundle["resources"]["jobs"][name]["parameters"]}
        for text in texts(task):
            assert set(re.findall(r"\{\{job\.parameters\.(\w+)\}\}", text)) <= set(parameters)
        if "python_wheel_task" not in task:
            continue
        given = [
            re.sub(r"\{\{job\.parameters\.(\w+)\}\}", lambda match, known=parameters: known[match[1]], text)
            for text in task["python_wheel_task"]["parameters"]
        ]
        parsed.append(_parser("", takes_input=True).parse_args([resolved(bundle, text) for text in given]))
    assert {(options.profile, options.lake) for options in parsed} == {("databricks", "/Volumes/main/abtest/lake")}
    assert {options.input for options in parsed} == {"s3://example-events/marketplace"}


def test_paths_lead_to_files(bundle: dict[str, Any], root: Path) -> None:
    """Relative paths count from the file that they stand in, all of which lie in deploy/databricks."""
    here = root / "deploy" / "databricks"
    mentioned = [text for text in texts(bundle["resources"]) if text.startswith("../")]
    assert mentioned
    for text in mentioned:
        assert text == "../../dist/*.whl" or (here / text).resolve().is_file(), text
    synced = [text.split("${workspace.file_path}/")[1] for text in texts(bundle["resources"]) if "file_path" in text]
    assert synced
    assert all((root / path).is_file() for path in synced)
    assert "--outdir dist" in bundle["artifacts"]["wheel"]["build"]


def test_notebooks_are_in_source_format(bundle: dict[str, Any], root: Path) -> None:
    paths = [task["notebook_task"]["notebook_path"] for _, task in tasks(bundle) if "notebook_task" in task]
    assert paths
    for path in paths:
        text = (root / "deploy" / "databricks" / path).resolve().read_text(encoding="utf-8")
        assert text.startswith("# Databricks notebook source\n")
        compile(text, path, "exec")


def test_the_cluster_runs_the_spark_that_is_tested(bundle: dict[str, Any], root: Path) -> None:
    """Databricks 16.4 has Spark 3.5, 17.3 has Spark 4.0."""
    spark_of = {"16.4": "3.5", "17.3": "4.0"}
    runtime = bundle["variables"]["cluster"]["default"]["spark_version"].split(".x")[0]
    locked = (root / "locks" / "spark40.txt").read_text(encoding="utf-8")
    assert f"\npyspark=={spark_of[runtime]}." in locked


def test_there_is_one_schedule_and_one_writer(bundle: dict[str, Any]) -> None:
    jobs = bundle["resources"]["jobs"]
    scheduled = [name for name, job in jobs.items() if "schedule" in job]
    assert scheduled == ["pipeline"]
    assert {job["max_concurrent_runs"] for job in jobs.values()} == {1}


def test_the_schedule_is_that_of_emr(bundle: dict[str, Any], root: Path) -> None:
    """Quartz counts seconds first, and wants ? for one of the two kinds of day."""
    deployment = yaml.safe_load((root / "deploy" / "emr" / "deployment.yaml").read_text(encoding="utf-8"))
    minute, hour, day, month, weekday = deployment["schedule"].split()
    assert (day, month, weekday) == ("*", "*", "*")
    schedule = bundle["resources"]["jobs"]["pipeline"]["schedule"]
    assert schedule["quartz_cron_expression"] == f"0 {minute} {hour} * * ?"
