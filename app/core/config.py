"""The configuration of the process: environment variables with the prefix `HUNTARR_`, read once at the start."""

import os
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from sqlalchemy import URL

from app.core.data_folder import default_folder
from app.core.environment import PREFIX, Environment, is_text, read_environment
from app.core.errors import StartFailed
from app.core.fields import checked_name
from app.core.urls import checked_database, redis_address

MIN_KEY_LENGTH = 32
MIN_PASSWORD = 10
MAX_PASSWORD = 256
MAPPED_BITS = 96
"""Of an IPv6 address that stands for one of IPv4 (`::ffff:10.0.0.1`), so many bits are always the same."""
SECRETS = ("database_url", "redis_url", "secret_key", "api_key", "admin_password")
"""Fields that can also come from a file, which `HUNTARR_…_FILE` names: Docker and Kubernetes give secrets so."""


class LogLevel(StrEnum):
    """Standard levels, lowest first."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


class LogFormat(StrEnum):
    """`console` for people; `json` for collectors, one object a line."""

    CONSOLE = "console"
    JSON = "json"


class Config(BaseModel):
    """One field for each variable. A test compares the table in the README with this class."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on; `0.0.0.0` in the container.")
    port: int = Field(9705, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    data_dir: Path = Field(
        Path("./data"),
        description="Folder of the database, the key file and the embedded Redis; in a checkout `data`, else "
        "[where the system keeps data](docs/operations.md#the-data-folder).",
    )
    database_url: str | None = Field(
        None, description="`postgresql+asyncpg://user:password@host/name`; without it SQLite in the data folder."
    )
    redis_url: SecretStr | None = Field(
        None, description="`redis://`, `rediss://` or `unix://`; without it `huntarr serve` starts its own server."
    )
    secret_key: SecretStr | None = Field(
        None, description="Key that encrypts stored secrets, at least 32 characters; else a file in the data folder."
    )
    api_key: SecretStr | None = Field(
        None, description="An API key of full scope, at least 32 characters; otherwise the owner creates keys."
    )
    admin_username: str | None = Field(
        None, max_length=64, description="The owner's name; with the password it creates the first owner at the start."
    )
    admin_password: SecretStr | None = Field(
        None, description="The owner's first password, 10 to 256 characters; an existing owner is not changed."
    )
    log_level: LogLevel = Field(LogLevel.INFO, description="`DEBUG`, `INFO`, `WARNING` or `ERROR`.")
    log_format: LogFormat = Field(LogFormat.CONSOLE, description="`console` or `json` (one object a line).")
    tmdb_url: str = Field(
        "https://api.themoviedb.org/3", description="Where Movie Hunt asks for movies: TMDB's API, or a mirror of it."
    )
    base_url: str = Field("", description="Sub-path behind a reverse proxy, such as `/huntarr`.")
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = Field(
        (), description="Addresses or networks, comma-separated, whose `X-Forwarded-For` is trusted."
    )
    cors_origins: tuple[str, ...] = Field(
        (), description="Origins, comma-separated, that browsers may call from; none by default."
    )

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _fold_case(cls, value: Any, info: Any) -> Any:
        if not isinstance(value, str):
            return value
        return value.upper() if info.field_name == "log_level" else value.lower()

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str | None) -> str | None:
        return None if value is None else checked_database(value)

    @field_validator("redis_url")
    @classmethod
    def _known_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            redis_address(value.get_secret_value())
        return value

    @field_validator("secret_key", "api_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < MIN_KEY_LENGTH:
            raise ValueError(f"must have at least {MIN_KEY_LENGTH} characters")
        return value

    @field_validator("api_key")
    @classmethod
    def _printable_ascii(cls, value: SecretStr | None) -> SecretStr | None:
        key = "" if value is None else value.get_secret_value()
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise ValueError("must be printable ASCII characters without spaces, because it is sent in a header")
        return value

    @field_validator("admin_username")
    @classmethod
    def _plain_name(cls, value: str | None) -> str | None:
        name = value.strip() if value is not None else None
        return None if name is None else checked_name(name)

    @field_validator("admin_password")
    @classmethod
    def _good_password(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not MIN_PASSWORD <= len(value.get_secret_value()) <= MAX_PASSWORD:
            raise ValueError(f"must have {MIN_PASSWORD} to {MAX_PASSWORD} characters")
        if value is not None and not is_text(value.get_secret_value()):
            raise ValueError("must be UTF-8")
        return value

    @model_validator(mode="after")
    def _owner_is_complete(self) -> Self:
        if (self.admin_username is None) != (self.admin_password is None):
            raise ValueError("HUNTARR_ADMIN_USERNAME and HUNTARR_ADMIN_PASSWORD must be given together")
        return self

    @field_validator("tmdb_url")
    @classmethod
    def _plain_url(cls, value: str) -> str:
        url = value.strip().rstrip("/")
        if not url.startswith(("http://", "https://")) or "@" in url or "?" in url or "#" in url:
            raise ValueError("must be an http or https address without user, query and fragment")
        return url

    @field_validator("base_url")
    @classmethod
    def _clean_base(cls, value: str) -> str:
        path = value.strip().strip("/")
        if any(c in path for c in "?#:\\ ") or ".." in path or "//" in path:
            raise ValueError("must be a plain path such as /huntarr")
        return f"/{path}" if path else ""

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return tuple(_network(part) for part in _listed(value))
        except ValueError:
            raise ValueError("must be addresses or networks such as 10.0.0.0/8, comma-separated") from None

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _origins(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        origins = _listed(value)
        for origin in origins:
            parts = urlsplit(origin)
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or "*" in origin:
                raise ValueError("must be origins such as https://dashboard.example, without a path or a *")
        return origins

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force; any path can be in it."""
        path = str(self.data_dir.resolve() / "huntarr.db")
        return self.database_url or URL.create("sqlite+aiosqlite", database=path).render_as_string(hide_password=False)


def _network(text: str) -> IPv4Network | IPv6Network:
    """IPv4 addresses in the clothes of IPv6 become IPv4, as those of callers do."""
    found = ip_network(text, strict=False)
    first = found[0]
    if isinstance(first, IPv6Address) and first.ipv4_mapped is not None and found.prefixlen >= MAPPED_BITS:
        return ip_network((first.ipv4_mapped, found.prefixlen - MAPPED_BITS))
    return found


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part for part in (raw.strip() for raw in text.split(",")) if part)


def our_environment() -> Environment:
    """The variables of this process."""
    return read_environment(os.environ, Config.model_fields, SECRETS)


def read_config(environment: Environment | None = None, /, **given: Any) -> Config:
    """The configuration from the environment; `StartFailed`, which never quotes the value, when one is wrong."""
    values = {**(environment or our_environment()).values, **given}
    if "data_dir" not in values:
        values["data_dir"] = default_folder(os.environ)
    try:
        return Config.model_validate(values)
    except ValidationError as failure:
        first = failure.errors(include_url=False, include_input=False)[0]
        name = PREFIX + str(first["loc"][0]).upper() if first["loc"] else "The environment"
        raise StartFailed(f"{name} is wrong: {first['msg'].removeprefix('Value error, ')}.") from None
