"""Settings: where they come from, in which order, and what is refused."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from abtest_lib.config import load_settings, profiles
from abtest_lib.contracts.enums import CrossExposed, Engine
from abtest_lib.errors import ConfigError


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os  # noqa: PLC0415  only here

    for key in [key for key in os.environ if key.startswith("ABTEST_")]:
        monkeypatch.delenv(key)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_the_defaults_of_the_design() -> None:
    settings = load_settings()
    assert settings.reporting_timezone == "UTC"
    assert settings.conversion_event == "BUY"
    assert settings.attribution_window is None
    assert settings.cross_exposed is CrossExposed.FIRST
    assert settings.fallback_variants == ()
    assert settings.engine is Engine.MCMC
    assert settings.shuffle_partitions is None


@pytest.mark.parametrize("profile", profiles())
def test_every_profile_loads(profile: str) -> None:
    assert load_settings(profile).conversion_event == "BUY"


def test_profiles_are_those_of_conf() -> None:
    assert "local" in profiles()
    assert not {"base", "experiments"} & set(profiles())


def test_later_sources_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Base, then profile, then file, then the command line, then the environment."""
    assert load_settings("local").driver_memory == "6g"
    config = write(tmp_path / "mine.yaml", "driver_memory: 3g\nconversion_event: PAY\nseed: 1\n")
    from_file = load_settings("local", config)
    assert (from_file.driver_memory, from_file.conversion_event, from_file.seed) == ("3g", "PAY", 1)
    from_call = load_settings("local", config, {"conversion_event": "ORDER", "seed": None})
    assert (from_call.conversion_event, from_call.seed) == ("ORDER", 1)
    monkeypatch.setenv("ABTEST_CONVERSION_EVENT", "CHECKOUT_3")
    monkeypatch.setenv("ABTEST_REPORTING_TIMEZONE", "America/Bogota")
    from_environment = load_settings("local", config, {"conversion_event": "ORDER"})
    assert from_environment.conversion_event == "CHECKOUT_3"
    assert from_environment.reporting_timezone == "America/Bogota"
    assert from_environment.driver_memory == "3g"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7d", timedelta(days=7)),
        ("36h", timedelta(hours=36)),
        ("90m", timedelta(minutes=90)),
        ("30s", timedelta(seconds=30)),
        ("null", None),
        ("unlimited", None),
    ],
)
def test_attribution_windows(text: str, expected: timedelta | None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(overrides={"attribution_window": text}).attribution_window == expected
    monkeypatch.setenv("ABTEST_ATTRIBUTION_WINDOW", text)
    assert load_settings().attribution_window == expected


@pytest.mark.parametrize("text", ["DEFAULT, NONE", "[DEFAULT, NONE]", "DEFAULT,NONE"])
def test_lists_in_the_environment(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABTEST_FALLBACK_VARIANTS", text)
    assert load_settings().fallback_variants == ("DEFAULT", "NONE")


def test_numbers_in_lists_become_texts(tmp_path: Path) -> None:
    config = write(tmp_path / "mine.yaml", "fallback_variants: [0, DEFAULT]\nspark_conf: {spark.a: 1, spark.b: true}\n")
    settings = load_settings(config=config)
    assert settings.fallback_variants == ("0", "DEFAULT")
    assert settings.spark_conf == {"spark.a": "1", "spark.b": "true"}


def test_texts_that_yaml_takes_for_something_else_stay_as_they_are(tmp_path: Path) -> None:
    text = """
fallback_variants: [off, 1.10, 007, null]
control_names: [no, on]
conversion_event: yes
driver_memory: 1_0
s3_region: 1e3
s3_kms_key_id: 2021-08-01
spark_conf: {spark.a: on, spark.b: 1.10, spark.c: 0o17}
submit_conf: {spark.d: 12:30}
prior: 1.0
"""
    settings = load_settings(config=write(tmp_path / "mine.yaml", text))
    assert settings.fallback_variants == ("off", "1.10", "007", "null")
    assert settings.control_names == ("no", "on")
    assert settings.conversion_event == "yes"
    assert (settings.driver_memory, settings.s3_region, settings.s3_kms_key_id) == ("1_0", "1e3", "2021-08-01")
    assert settings.spark_conf == {"spark.a": "on", "spark.b": "1.10", "spark.c": "0o17"}
    assert (settings.submit_conf, settings.prior) == ({"spark.d": "12:30"}, "1.0")


def test_the_environment_keeps_texts_like_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABTEST_FALLBACK_VARIANTS", "[off, 1.10, 'a, b']")
    monkeypatch.setenv("ABTEST_CONTROL_NAMES", "no, on")
    monkeypatch.setenv("ABTEST_SPARK_CONF", "{spark.a: on}")
    settings = load_settings()
    assert settings.fallback_variants == ("off", "1.10", "a, b")
    assert settings.control_names == ("no", "on")
    assert settings.spark_conf == {"spark.a": "on"}
    monkeypatch.setenv("ABTEST_FALLBACK_VARIANTS", "[off")
    with pytest.raises(ConfigError, match="setting fallback_variants line 1: not YAML"):
        load_settings()
    monkeypatch.setenv("ABTEST_FALLBACK_VARIANTS", "\udcff")
    with pytest.raises(ConfigError, match=r"ABTEST_FALLBACK_VARIANTS = .*must be UTF-8"):
        load_settings()


def test_numbers_and_truth_values_are_read_where_a_setting_is_one(tmp_path: Path) -> None:
    text = "writer_lease: no\ns3_path_style: true\nseed: 7\nshuffle_partitions: 12\nattribution_window: null\n"
    settings = load_settings(config=write(tmp_path / "mine.yaml", text))
    assert (settings.writer_lease, settings.s3_path_style) == (False, True)
    assert (settings.seed, settings.shuffle_partitions, settings.attribution_window) == (7, 12, None)
    with pytest.raises(ConfigError, match="attribution_window = '90': not a duration"):
        load_settings(config=write(tmp_path / "mine.yaml", "attribution_window: 90\n"))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"reporting_timezone": "Bogota"}, r"reporting_timezone = 'Bogota': not an IANA time zone"),
        ({"reporting_timezone": "../etc/passwd"}, "not an IANA time zone"),
        ({"conversion_event": ""}, "conversion_event = ''"),
        ({"attribution_window": "7 days"}, "attribution_window = '7 days': not a duration such as 7d"),
        ({"attribution_window": "0d"}, "must be longer than zero"),
        ({"cross_exposed": "drop"}, "cross_exposed = 'drop'"),
        ({"engine": "stan"}, "engine = 'stan'"),
        ({"seed": -1}, "seed = -1"),
        ({"seed": "abc"}, "seed = 'abc'"),
        ({"shuffle_partitions": 0}, "shuffle_partitions = 0"),
        ({"fallback_variants": {"a": 1}}, "fallback_variants"),
    ],
)
def test_a_bad_value_names_itself_and_what_is_allowed(overrides: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_settings(overrides=overrides)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_an_unknown_key_is_an_error_wherever_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = write(tmp_path / "mine.yaml", "reporting_timezon: UTC\n")
    with pytest.raises(ConfigError, match=r"unknown setting 'reporting_timezon' in .*mine\.yaml.*reporting_timezone"):
        load_settings(config=config)
    with pytest.raises(ConfigError, match="unknown setting 'timezone'"):
        load_settings(overrides={"timezone": "UTC"})
    monkeypatch.setenv("ABTEST_CONVERSION", "BUY")
    with pytest.raises(ConfigError, match="unknown setting 'conversion' in the environment"):
        load_settings()


def test_variables_of_the_tools_around_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ABTEST_LAKE", "ABTEST_PROFILE", "ABTEST_API_PORT", "ABTEST_DASHBOARD_URL", "ABTEST_TEST_SAMPLE"):
        monkeypatch.setenv(name, "x")
    assert load_settings().conversion_event == "BUY"


@pytest.mark.parametrize(
    ("text", "message"),
    [("- a\n- b\n", "holds a list"), ("a: [1,\n", r"mine\.yaml line 2: not YAML"), ("7", "holds '7'")],
)
def test_files_that_are_no_settings(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_settings(config=write(tmp_path / "mine.yaml", text))


def test_files_and_profiles_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the settings in .*none\.yaml"):
        load_settings(config=tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match=r"unknown profile 'mars': the profiles are .*local"):
        load_settings("mars")


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert load_settings(config=write(tmp_path / "mine.yaml", "# nothing\n")) == load_settings()


def test_settings_are_frozen() -> None:
    settings = load_settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.seed = 3


def test_the_hash_follows_what_the_tables_depend_on_and_nothing_else() -> None:
    usual = load_settings().config_hash()
    assert len(usual) == 64
    for same in ({"seed": 5}, {"engine": "exact"}, {"driver_memory": "9g"}, {"shuffle_partitions": 7}):
        assert load_settings(overrides=same).config_hash() == usual
    others = [
        {"reporting_timezone": "America/Bogota"},
        {"conversion_event": "PAY"},
        {"attribution_window": "7d"},
        {"cross_exposed": "include"},
        {"fallback_variants": ["DEFAULT"]},
    ]
    hashes = {load_settings(overrides=other).config_hash() for other in others}
    assert len(hashes | {usual}) == len(others) + 1


@pytest.mark.parametrize("window", [None, "36h"])
def test_the_settings_of_a_lake_come_back_from_what_it_stores(window: str | None) -> None:
    others = {"reporting_timezone": "America/Bogota", "conversion_event": "PAY", "cross_exposed": "include"}
    lake = load_settings(overrides={**others, "attribution_window": window, "fallback_variants": ["B", "a, b"]})
    mine = load_settings(overrides={"seed": 5, "attribution_window": "7d"})
    adopted = mine.with_table_settings(lake.table_settings())
    assert adopted.table_settings() == lake.table_settings()
    assert adopted.seed == 5


def test_the_order_of_fallback_variants_is_no_difference() -> None:
    one, two = (load_settings(overrides={"fallback_variants": names}) for names in (["a", "b"], ["b", "a"]))
    assert one.config_hash() == two.config_hash()
