"""A lake is one place, in whatever form a person writes its path."""

from pathlib import Path

import pytest

from abtest_cli import build_app
from abtest_lib.errors import AbtestError, ConfigError
from abtest_lib.storage import lake_location
from api.settings import load_api_settings

COMMANDS = {
    "run": ["run"],
    "results": ["results", "search/one"],
    "plan": ["plan", "--experiment", "search/one"],
    "serve": ["serve"],
    "report": ["report", "search/one"],
    "forget": ["forget", "--user", "7"],
    "doctor": ["doctor"],
    "maintain": ["maintain"],
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with the working folder in it."""
    (tmp_path / "work.d").mkdir()
    monkeypatch.chdir(tmp_path / "work.d")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "400")
    return tmp_path


FORMS = {
    "lake": "work.d/lake",
    "./lake": "work.d/lake",
    "../lake": "lake",
    "lake/": "work.d/lake",
    "~/lake": "lake",
    "./my.lake/v1.2": "work.d/my.lake/v1.2",
    "/nowhere/./lake/": "/nowhere/lake",
}


@pytest.mark.parametrize(("given", "meant"), FORMS.items())
def test_a_location_becomes_absolute(home: Path, given: str, meant: str) -> None:
    assert lake_location(given) == str(home / meant)
    assert load_api_settings(lake=given).lake == str(home / meant)


@pytest.mark.parametrize(("given", "meant"), FORMS.items())
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_names_the_same_absolute_place(
    home: Path, command: str, given: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No lake is there: each command says so, and with which path it looked for one."""
    said = ""
    try:
        build_app()([*COMMANDS[command], "--lake", given], standalone_mode=False)
    except AbtestError as error:
        said = str(error)
    said += "".join(capsys.readouterr())
    assert f"{home / meant}" in said


def test_urls_keep_their_form() -> None:
    assert lake_location("s3a://bucket/prefix/") == "s3a://bucket/prefix"
    assert lake_location("dbfs:/lake/") == "dbfs:/lake"
    assert lake_location("file:/lake/") == "file:/lake"
    assert load_api_settings(lake="s3a://bucket/lake/").lake == "s3://bucket/lake"


def test_what_is_no_location() -> None:
    with pytest.raises(ConfigError, match="location of the lake is empty"):
        lake_location(" ")
    with pytest.raises(ConfigError, match="home of a person who has none"):
        lake_location("~nobody-by-this-name/lake")
    with pytest.raises(ConfigError, match="carries credentials"):
        lake_location("s3a://key:secret@bucket/lake")
