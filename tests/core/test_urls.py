"""Addresses of PostgreSQL and Redis as people write them: understood, or refused by a sentence without the value."""

import pytest
from sqlalchemy import make_url

from app.core.urls import checked_database, engine_arguments, redis_address, shown_database, shown_redis


@pytest.mark.parametrize(
    ("url", "host", "port", "username", "password", "number"),
    [
        ("redis://:p%40ss%2Fw%23rd@host:6380/2", "host", 6380, None, "p@ss/w#rd", 2),
        ("redis://host/", "host", 6379, None, None, 0),
        ("redis://host", "host", 6379, None, None, 0),
        ("redis://us%65r:a%20b@[::1]/3", "::1", 6379, "user", "a b", 3),
        ("redis://host?db=4&socket_timeout=3&max_connections=9", "host", 6379, None, None, 4),
        ("redis://", "localhost", 6379, None, None, 0),
    ],
)
def test_a_redis_address_is_read_as_redis_py_reads_it(
    url: str, host: str, port: int, username: str | None, password: str | None, number: int
) -> None:
    found = redis_address(url)
    assert (found.host, found.port, found.username, found.password, found.database, found.ssl) == (
        *(host, port, username, password, number),
        False,
    )


def test_a_redis_over_tls_and_one_on_a_socket() -> None:
    found = redis_address("rediss://host/1?ssl_cert_reqs=none&ssl_ca_certs=/ca.pem")
    assert (found.ssl, found.ssl_cert_reqs, found.ssl_ca_certs) == (True, "none", "/ca.pem")
    found = redis_address("unix:///run/a%20b.sock?db=2&password=x")
    assert (found.unix_socket_path, found.database, found.password) == ("/run/a b.sock", 2, "x")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://redis", "must start with"),
        ("redis", "must start with"),
        ("redis://:sec#ret@host", "encoded"),
        ("redis://:sec?ret@host", "encoded"),
        ("redis://host/secret", "number of a database"),
        ("redis://host:secret", "must be a URL"),
        ("redis://host?db=secret", "must be a URL"),
        ("redis://host?colour=secret", "colour"),
        ("redis://host?Sec-ret=1", "not plain"),
    ],
)
def test_a_wrong_redis_address_is_not_shown(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as failure:
        redis_address(url)
    assert "sec" not in str(failure.value).lower()


@pytest.mark.parametrize(
    ("query", "arguments", "left"),
    [
        ("", {}, {}),
        ("?sslmode=require", {"dsn": "postgresql://?sslmode=require"}, {}),
        (
            "?sslmode=verify-full&sslrootcert=/ca%20.pem&application_name=h",
            {"dsn": "postgresql://?application_name=h&sslmode=verify-full&sslrootcert=%2Fca+.pem"},
            {},
        ),
        ("?connect_timeout=7&statement_cache_size=0", {"timeout": 7, "statement_cache_size": 0}, {}),
        ("?connect_timeout=0", {}, {}),
        ("?host=/run/pg&sslmode=disable", {"dsn": "postgresql://?sslmode=disable"}, {"host": "/run/pg"}),
    ],
)
def test_parameters_of_postgresql_reach_the_driver(
    query: str, arguments: dict[str, object], left: dict[str, str]
) -> None:
    url, found = engine_arguments(checked_database(f"postgres://u:p%40@db:5433/x{query}"))
    assert (url.drivername, url.password, dict(url.query)) == ("postgresql+asyncpg", "p@", left)
    assert found == arguments


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://secret", "must start with"),
        ("secret", "must start with"),
        ("postgresql://u:secret@db:secret/x", "must be a URL"),
        ("postgresql://u:secret@db/x?colour=secret", "does not know: colour"),
        ("postgresql://u:secret@db/x?sslmode=secret", "sslmode that is none of"),
        ("postgresql://u:secret@db/x?connect_timeout=secret", "connect_timeout"),
        ("sqlite:////data/x.db?secrets=secret", "does not know"),
    ],
)
def test_a_wrong_database_address_is_not_shown(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as failure:
        checked_database(url)
    assert "secret" not in str(failure.value).replace("know: secrets", "")


def test_what_is_shown_of_an_address_holds_no_secret() -> None:
    assert shown_database("postgresql+asyncpg://u:secret@db/x?sslpassword=secret") == "postgresql://u:***@db/x"
    assert shown_database("sqlite+aiosqlite:////a%3Fb/c.db") == "/a?b/c.db"
    assert shown_redis("redis://user:secret@[::1]:6380/2") == "redis://[::1]:6380/2"
    assert shown_redis("unix:///run/r.sock?password=secret") == "unix:///run/r.sock"


def test_no_parameter_is_left_for_the_driver_to_stumble_over() -> None:
    every = "&".join(f"{name}=1" for name in ("sslcert", "sslkey", "options", "search_path", "target_session_attrs"))
    url, arguments = engine_arguments(checked_database(f"postgresql://db/x?{every}"))
    assert url == make_url("postgresql+asyncpg://db/x")
    assert set(arguments) == {"dsn"}
