"""YAML profiles and environment variables become one frozen settings object."""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from abtest_lib.contracts.enums import Compute, CrossExposed, Engine
from abtest_lib.contracts.table import CONTRACT_VERSION
from abtest_lib.errors import ConfigError, one_line
from abtest_lib.event_columns import check_column_names, check_event_columns
from abtest_lib.user_files import check_utf8, read_user_file
from abtest_lib.yaml_reader import Plain, read_texts

_DURATION = re.compile(r"(?P<number>\d+)(?P<unit>[dhms])")
_UNIT_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


class DeltaJars(StrEnum):
    """Where a cluster's Spark gets the jars of Delta Lake."""

    FETCH = "fetch"
    PROVIDED = "provided"


def parse_duration(value: object) -> object:
    """Read a duration such as `7d`, `36h`, `90m` or `30s`; `null` means no limit.

    Examples:
        >>> parse_duration("36h")
        datetime.timedelta(days=1, seconds=43200)
    """
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        if isinstance(value, str) and value.strip().lower() not in {"", "null", "none", "unlimited"}:
            raise ValueError("not a duration such as 7d, 36h or 90m, nor null for no limit")
        return None if isinstance(value, str) else value
    return timedelta(seconds=int(match["number"]) * _UNIT_SECONDS[match["unit"]])


class Settings(BaseSettings):
    """Every setting of the suite; `conf/base.yaml` explains each."""

    model_config = SettingsConfigDict(env_prefix="ABTEST_", frozen=True, extra="forbid")

    reporting_timezone: str = "UTC"
    conversion_event: Annotated[str, Field(min_length=1)] = "BUY"
    attribution_window: Annotated[timedelta | None, BeforeValidator(parse_duration)] = None
    cross_exposed: CrossExposed = CrossExposed.FIRST
    normalize_ids: bool = False
    future_tolerance: Annotated[timedelta | None, BeforeValidator(parse_duration)] = timedelta(days=1)
    fallback_variants: Annotated[tuple[str, ...], NoDecode] = ()
    event_columns: Annotated[dict[str, str], NoDecode] = Field(default_factory=dict)
    column_names: Annotated[dict[str, str], NoDecode] = Field(default_factory=dict)
    timestamp_timezone: str | None = None
    timestamp_format: Literal["iso", "epoch_s", "epoch_ms"] = "iso"
    control_names: Annotated[tuple[str, ...], NoDecode] = ("control", "CONTROL")
    registry: Path | None = None
    metrics: Path | None = None
    engine: Engine = Engine.MCMC
    metrics_engine: Engine = Engine.EXACT
    prior: str = "exponential"
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 20_210_801
    writer_lease: bool = True
    s3_endpoint: str | None = None
    s3_region: str | None = None
    s3_path_style: bool | None = None
    s3_encryption: Literal["SSE-S3", "SSE-KMS"] | None = None
    s3_kms_key_id: str | None = None
    compute: Compute = Compute.AUTO
    spark_master: str | None = None
    driver_memory: str | None = None
    shuffle_partitions: Annotated[int, Field(ge=1)] | None = None
    spark_conf: Annotated[dict[str, str], NoDecode] = Field(default_factory=dict)
    submit_conf: Annotated[dict[str, str], NoDecode] = Field(default_factory=dict)
    delta_jars: DeltaJars = DeltaJars.FETCH

    @field_validator("timestamp_timezone", mode="before")
    @classmethod
    def _no_time_zone(cls, value: object) -> object:
        """Read `null` or nothing from the environment as no time zone."""
        return None if isinstance(value, str) and value.strip().lower() in {"", "null"} else value

    @field_validator("reporting_timezone", "timestamp_timezone")
    @classmethod
    def _known_time_zone(cls, value: str | None) -> str | None:
        try:
            ZoneInfo(value or "UTC")
        except (KeyError, ValueError, OSError):
            raise ValueError("not an IANA time zone such as America/Bogota or UTC") from None
        return value

    @field_validator("attribution_window")
    @classmethod
    def _positive_window(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and value <= timedelta(0):
            raise ValueError("must be longer than zero, e.g. 7d, or null for no limit")
        return value

    @field_validator("fallback_variants", "control_names", mode="before")
    @classmethod
    def _texts(cls, value: object, info: ValidationInfo) -> object:
        """Read a list: `DEFAULT`, `A, B` or `[A, B]` from the environment, a list from a file."""
        if isinstance(value, str) and value.strip().startswith("["):
            value = read_texts(value, f"setting {info.field_name}", ConfigError)
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        return tuple(value) if isinstance(value, list) else value

    @field_validator("spark_conf", "submit_conf", "event_columns", "column_names", mode="before")
    @classmethod
    def _mapping(cls, value: object, info: ValidationInfo) -> object:
        """Read a mapping: `{price: double}` from the environment; nothing at all means none."""
        content = read_texts(value, f"setting {info.field_name}", ConfigError) if isinstance(value, str) else value
        if content is not None and not isinstance(content, dict):
            raise ValueError("not a mapping such as {name: value}")
        return content or {}

    @field_validator("event_columns")
    @classmethod
    def _columns(cls, value: dict[str, str]) -> dict[str, str]:
        return check_event_columns(value)

    @field_validator("column_names")
    @classmethod
    def _names(cls, value: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        return check_column_names(value, info.data.get("event_columns", {}))

    @field_validator("shuffle_partitions", mode="before")
    @classmethod
    def _auto(cls, value: object) -> object:
        return None if value == "auto" else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment override the files."""
        return env_settings, init_settings

    def table_settings(self) -> dict[str, str]:
        """Return the settings that the tables depend on, as texts, with the contract's version."""
        window = self.attribution_window
        return {
            "reporting_timezone": self.reporting_timezone,
            "conversion_event": self.conversion_event,
            "attribution_window": "unlimited" if window is None else f"{window.total_seconds():.0f}s",
            "cross_exposed": self.cross_exposed.value,
            "fallback_variants": json.dumps(sorted(set(self.fallback_variants)), ensure_ascii=False),
            "normalize_ids": str(self.normalize_ids).lower(),
            "event_columns": json.dumps(dict(sorted(self.event_columns.items()))),
            "contract_version": str(CONTRACT_VERSION),
        }

    def with_table_settings(self, stored: Mapping[str, str]) -> "Settings":
        """Return these settings with the stored `table_settings` of a lake."""
        own = self.table_settings() | dict(stored)
        return self.model_copy(
            update={
                "reporting_timezone": own["reporting_timezone"],
                "conversion_event": own["conversion_event"],
                "attribution_window": parse_duration(own["attribution_window"]),
                "cross_exposed": CrossExposed(own["cross_exposed"]),
                "fallback_variants": tuple(json.loads(own["fallback_variants"])),
                "normalize_ids": own["normalize_ids"] == "true",
                "event_columns": json.loads(own["event_columns"]),
            }
        )

    def config_hash(self) -> str:
        """Return the SHA-256 of `table_settings`, in hexadecimal; the same settings always give the same hash."""
        canonical = json.dumps(self.table_settings(), sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()


def load_settings(
    profile: str = "local", config: Path | None = None, overrides: Mapping[str, Any] | None = None
) -> Settings:
    """Merge base, profile, file, overrides and environment into settings.

    Args:
        profile: The name of a file in `conf/`, without `.yaml`.
        config: A YAML file whose settings override the profile's.
        overrides: Settings from the command line; a value of None is left out.

    Returns:
        The frozen settings.

    Raises:
        ConfigError: A file cannot be read, or a key or value is not allowed.

    Examples:
        >>> load_settings(overrides={"reporting_timezone": "America/Bogota"}).reporting_timezone
        'America/Bogota'
    """
    merged: dict[str, Any] = _read_profile("base") | _read_profile(profile)
    if config is not None:
        merged |= _read_yaml(read_user_file(config, "the settings", ConfigError), str(config))
    merged |= {key: value for key, value in (overrides or {}).items() if value is not None}
    _reject_unknown(merged, "the settings")
    _reject_unknown(_environment_keys(), "the environment, as ABTEST_<SETTING>")
    for key in _environment_keys():
        check_utf8(os.environ.get(f"ABTEST_{key.upper()}", ""), f"ABTEST_{key.upper()} =", ConfigError)
    try:
        return Settings(**merged)
    except ValidationError as error:
        raise ConfigError(_first_problem(error)) from None


def with_compute(settings: Settings, compute: str | None) -> Settings:
    """Return the settings with another engine for the DataFrame code; None leaves it as it is.

    Raises:
        ConfigError: There is no such engine.
    """
    if compute is None:
        return settings
    if compute not in {*Compute}:
        raise ConfigError(f"--compute {one_line(compute, 40)}: the engines are {', '.join(Compute)}")
    return settings.model_copy(update={"compute": Compute(compute)})


def profiles() -> tuple[str, ...]:
    """Return the names of the profiles in the installation."""
    names = (entry.name.removesuffix(".yaml") for entry in files("conf").iterdir() if entry.name.endswith(".yaml"))
    return tuple(sorted(set(names) - {"base", "experiments", "metrics"}))


def _read_profile(name: str) -> dict[str, Plain]:
    if name != "base" and name not in profiles():
        raise ConfigError(f"unknown profile '{name}': the profiles are {', '.join(profiles())}")
    return _read_yaml((files("conf") / f"{name}.yaml").read_text(encoding="utf-8"), f"conf/{name}.yaml")


def _read_yaml(text: str, place: str) -> dict[str, Plain]:
    content = read_texts(text, place, ConfigError)
    if content is None:
        return {}
    if not isinstance(content, dict):
        found = "a list" if isinstance(content, list) else f"'{one_line(content, 40)}'"
        raise ConfigError(f"{place} must hold `setting: value` lines, but holds {found}")
    _reject_unknown(content, place)
    return content


# Set by the launcher and the tools around the suite, not settings of it.
_NOT_SETTINGS = {"lake", "input", "profile", "config", "debug", "archive"}


def _environment_keys() -> list[str]:
    keys = (key.removeprefix("ABTEST_").lower() for key in os.environ if key.startswith("ABTEST_"))
    return [key for key in keys if not key.startswith(("api_", "test_", "dashboard_")) and key not in _NOT_SETTINGS]


def _reject_unknown(keys: Iterable[str], place: str) -> None:
    unknown = sorted(set(map(str, keys)) - set(Settings.model_fields))
    if unknown:
        allowed = ", ".join(sorted(Settings.model_fields))
        raise ConfigError(f"unknown setting '{unknown[0]}' in {place}: the settings are {allowed}")


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    name = ".".join(str(part) for part in problem["loc"])
    return f"setting {name} = {problem['input']!r}: {one_line(problem['msg'].removeprefix('Value error, '))}"


def memory_bytes(size: str) -> int:
    """Convert Spark's notation for memory, such as `6g` or `512MB`, to bytes; return 0 for any other text."""
    found = re.fullmatch(r"(\d+)([kmgt])b?", size.strip().lower())
    return int(found[1]) * 1024 ** (" kmgt".index(found[2])) if found else 0
