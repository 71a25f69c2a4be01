"""The API's own settings: environment variables ABTEST_API_<SETTING>, and ABTEST_LAKE."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import ByteSize, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from abtest_lib.errors import ConfigError, one_line
from abtest_lib.storage import delta_rs_location, lake_location

PREFIX = "ABTEST_API_"
_SHA256_HEX = 64
Texts = Annotated[tuple[str, ...], NoDecode]


def _default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "abtest-api"


class ApiSettings(BaseSettings):
    """Every setting of the API.

    Attributes:
        lake: A directory, or `s3://bucket/prefix` (`s3a://` is the same).
        cache_dir: The folder to which released gold tables are copied; several workers may share it.
        cache_bytes: The largest size of one release there; the old release is kept until the switch.
        memory_bytes: The memory for the newest days.
        max_connections: The limit of open connections; the default depends on the limit of open files.
        refresh_seconds: The time between two checks for a new release; 0 serves the cache as it is.
        request_timeout_seconds: The time after which a request ends with 503.
        max_age_seconds: The time for which a client may reuse an answer without asking.
        cors_origins: The origins from which browsers may call, separated by commas; `*` for all.
        key_hashes: The SHA-256 of every allowed API key, in hexadecimal; if empty, no key is needed.
        registry: The experiment registry; by default ABTEST_REGISTRY, else the one of the installation.
        log_level: debug, info, warning or error.
        log_requests: Whether every request is logged.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", populate_by_name=True)

    lake: Annotated[str, Field(min_length=1, validation_alias="ABTEST_LAKE")]
    cache_dir: Path = Field(default_factory=_default_cache)
    cache_bytes: ByteSize = ByteSize(8 * 1024**3)
    memory_bytes: ByteSize = ByteSize(160 * 1024**2)
    max_connections: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    refresh_seconds: Annotated[float, Field(ge=0, le=86_400)] = 10.0
    request_timeout_seconds: Annotated[float, Field(gt=0, le=3_600)] = 30.0
    max_age_seconds: Annotated[int, Field(ge=0, le=86_400)] = 5
    cors_origins: Texts = ()
    key_hashes: Texts = ()
    registry: Path | None = Field(default=None)
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"
    log_requests: bool = True

    @field_validator("cors_origins", "key_hashes", mode="before")
    @classmethod
    def _texts(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("key_hashes")
    @classmethod
    def _digests(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for digest in value:
            if len(digest) != _SHA256_HEX or not set(digest.lower()) <= set("0123456789abcdef"):
                raise ValueError("each must be 64 hexadecimal digits, as `abtest serve --new-key` prints them")
        return tuple(digest.lower() for digest in value)

    @field_validator("lake")
    @classmethod
    def _plain_uri(cls, value: str) -> str:
        return delta_rs_location(lake_location(value.strip()))


def load_api_settings(**given: object) -> ApiSettings:
    """Read the settings from the environment.

    Args:
        **given: Settings by name; they override the environment.

    Returns:
        The frozen settings.

    Raises:
        ConfigError: A variable is unknown or has an invalid value.

    Examples:
        >>> load_api_settings(lake="s3a://bucket/lake/").lake
        's3://bucket/lake'
    """
    known = {PREFIX + name.upper() for name in ApiSettings.model_fields}
    unknown = sorted(key for key in os.environ if key.startswith(PREFIX) and key not in known)
    if unknown:
        raise ConfigError(f"unknown variable {unknown[0]} in the environment: known are {', '.join(sorted(known))}")
    registry = os.environ.get("ABTEST_REGISTRY")
    if registry and PREFIX + "REGISTRY" not in os.environ:
        given.setdefault("registry", Path(registry))
    try:
        return ApiSettings(**given)  # type: ignore[arg-type]  # pydantic checks the values, and says which is wrong
    except ValidationError as error:
        raise ConfigError(_first_problem(error)) from None


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    name = str(problem["loc"][0])
    variable = "ABTEST_LAKE" if name in {"lake", "ABTEST_LAKE"} else PREFIX + name.upper()
    if problem["type"] == "missing":
        return f"{variable} is not set: it must say where the lake is, a directory or s3://bucket/prefix"
    shown = "(hidden)" if name == "key_hashes" else repr(problem["input"])
    return f"{variable} = {shown}: {one_line(problem['msg'].removeprefix('Value error, '))}"
