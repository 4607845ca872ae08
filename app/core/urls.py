"""Addresses of databases and Redis servers as people write them: read, translated, or refused in one sentence.

A sentence never holds the value, which may be a password; it names the parameter.
"""

import re
from collections.abc import Iterable, Set
from typing import Any
from urllib.parse import urlencode, urlsplit

from arq.connections import RedisSettings
from redis.asyncio.connection import URL_QUERY_ARGUMENT_PARSERS, parse_url
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

DATABASE_SCHEMES = {
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
}
REDIS_SCHEMES = ("redis", "rediss", "unix")
TLS_OPTIONS = ("ssl_keyfile", "ssl_certfile", "ssl_cert_reqs", "ssl_ca_certs", "ssl_check_hostname")
REDIS_FIELDS = {"db": "database", "path": "unix_socket_path"} | {
    name: name for name in ("host", "port", "username", "password", *TLS_OPTIONS)
}
"""Fields of `RedisSettings` by redis-py's names."""
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
ADDRESS_OPTIONS = frozenset({"host", "port", "user", "password", "database", "dbname"})
ASYNCPG_OPTIONS = frozenset(
    {"gsslib", "krbsrvname", "passfile", "service", "sslcert", "sslcrl", "sslkey", "sslmode", "sslnegotiation"}
    | {"sslpassword", "sslrootcert", "ssl_max_protocol_version", "ssl_min_protocol_version", "target_session_attrs"}
)
"""What asyncpg reads from an address, as libpq does."""
SERVER_SETTINGS = frozenset(
    {"application_name", "idle_in_transaction_session_timeout", "lock_timeout", "options", "search_path"}
    | {"statement_timeout"}
)
"""What asyncpg passes on to the server."""
CONNECT_TIMEOUT = "connect_timeout"
CACHE_SIZES = frozenset({"statement_cache_size", "prepared_statement_cache_size"})
"""0 for a pooler such as PgBouncer."""
PLAIN_NAME = re.compile(r"[a-z_]{1,40}")
"""Of a parameter. Another one may be a piece of a password that was not encoded."""
POSTGRES_OPTIONS = ADDRESS_OPTIONS | ASYNCPG_OPTIONS | SERVER_SETTINGS | CACHE_SIZES | {CONNECT_TIMEOUT}


def checked_database(value: str) -> str:
    """The URL with the name of our driver; `ValueError` says what is wrong with it."""
    scheme, mark, rest = value.partition("://")
    if not mark or scheme not in DATABASE_SCHEMES:
        raise ValueError("must start with postgresql:// or sqlite://")
    value = f"{DATABASE_SCHEMES[scheme]}://{rest}"
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        raise ValueError("must be a URL such as postgresql://user:password@host:5432/name") from None
    known = POSTGRES_OPTIONS if url.drivername.startswith("postgresql") else frozenset()
    _refuse_unknown(url.query, known)
    if str(url.query.get("sslmode", "disable")) not in SSL_MODES:
        raise ValueError(f"has a sslmode that is none of {', '.join(SSL_MODES)}")
    for name in CACHE_SIZES | {CONNECT_TIMEOUT}:
        if not str(url.query.get(name, "0")).isdecimal():
            raise ValueError(f"has a {name} that is no whole number")
    return value


def engine_arguments(text: str) -> tuple[URL, dict[str, Any]]:
    """The URL for SQLAlchemy, and its parameters as asyncpg wants them, which reads most from an address only."""
    url = make_url(text)
    given = dict(url.query)
    arguments: dict[str, Any] = {}
    if seconds := int(str(given.get(CONNECT_TIMEOUT, "0"))):
        arguments["timeout"] = seconds
    arguments |= {name: int(str(given[name])) for name in CACHE_SIZES & given.keys()}
    passed = {name: given[name] for name in (ASYNCPG_OPTIONS | SERVER_SETTINGS) & given.keys()}
    if passed:
        arguments["dsn"] = f"postgresql://?{urlencode(sorted(passed.items()))}"
    return url.difference_update_query(given.keys() - ADDRESS_OPTIONS), arguments


def shown_database(text: str) -> str:
    """The path of the SQLite file, or the address without password and parameters, for people."""
    url = make_url(text)
    if url.drivername.startswith("sqlite"):
        return url.database or "in memory"
    return url.set(drivername="postgresql", query={}).render_as_string(hide_password=True)


def redis_address(value: str) -> RedisSettings:
    """The address as redis-py reads it; `ValueError` says what is wrong with it.

    How long to wait and how often to try is ours, so those parameters are passed over.
    """
    parts = urlsplit(value)
    if parts.scheme not in REDIS_SCHEMES or "://" not in value:
        raise ValueError("must start with redis://, rediss:// or unix://")
    if parts.fragment or (parts.netloc and parts.scheme != "unix" and not parts.hostname):
        raise ValueError("must be a URL such as redis://:password@host:6379/0, with # / ? and @ of a password encoded")
    number = parts.path.strip("/")
    if parts.scheme != "unix" and number and not number.isdecimal():
        raise ValueError("must end with the number of a database, such as redis://host:6379/0")
    try:
        found = dict(parse_url(value))
    except ValueError:
        raise ValueError("must be a URL such as redis://:password@host:6379/0") from None
    _refuse_unknown(found, REDIS_FIELDS.keys() | URL_QUERY_ARGUMENT_PARSERS.keys() | {"connection_class"})
    given: dict[str, Any] = {REDIS_FIELDS[name]: value for name, value in found.items() if name in REDIS_FIELDS}
    return RedisSettings(ssl=parts.scheme == "rediss", **given)


def shown_redis(value: str) -> str:
    """The address without user, password and parameters, for people."""
    found = redis_address(value)
    if found.unix_socket_path:
        return f"unix://{found.unix_socket_path}"
    host = f"[{found.host}]" if ":" in str(found.host) else found.host
    return f"{'rediss' if found.ssl else 'redis'}://{host}:{found.port}/{found.database}"


def _refuse_unknown(given: Iterable[str], known: Set[str]) -> None:
    for name in sorted(set(given) - known):
        shown = name if PLAIN_NAME.fullmatch(name) else "its name is not plain"
        raise ValueError(f"has a parameter that Huntarr does not know: {shown}")
