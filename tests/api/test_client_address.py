"""The caller's address: the socket's, or what trusted proxies say, read from the right."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from starlette.types import Scope

from app.api.client_address import Network, client_from_forwarded, client_of
from app.core.config import Config

TRUSTED: Sequence[Network] = (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"), ip_network("192.0.2.1/32"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("198.51.100.1", [], "198.51.100.1"),
        ("198.51.100.1", ["203.0.113.5"], "198.51.100.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.5, 10.0.0.2"], "203.0.113.5"),
        ("10.0.0.1", ["6.6.6.6", "203.0.113.5, 192.0.2.1"], "203.0.113.5"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["203.0.113.5, unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["203.0.113.5,"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.5:4711"], "203.0.113.5"),
        ("10.0.0.1", ["[2001:dead::1]:4711"], "2001:dead::1"),
        ("10.0.0.1", ["[2001:dead::1]"], "2001:dead::1"),
        ("2001:db8::1", ["2001:dead::7"], "2001:dead::7"),
        ("::ffff:10.0.0.1", ["203.0.113.5"], "203.0.113.5"),
        ("::ffff:198.51.100.1", ["203.0.113.5"], "198.51.100.1"),
        ("10.0.0.1", ["127.0.0.1"], "127.0.0.1"),
        ("10.0.0.1", ["999.1.1.1"], "10.0.0.1"),
        ("", ["203.0.113.5"], ""),
        ("10.0.0.1", ["::ffff:203.0.113.5"], "203.0.113.5"),
    ],
)
def test_forwarded_addresses(peer: str, forwarded: list[str], expected: str) -> None:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    scope = {"type": "http", "client": (peer, 1) if peer else None, "headers": headers, "scheme": "http"}
    assert client_of(scope, TRUSTED).address == expected


@pytest.mark.parametrize(
    ("peer", "protocol", "scheme", "expected"),
    [
        ("10.0.0.1", b"https", "http", True),
        ("10.0.0.1", b"http, HTTPS", "http", True),
        ("10.0.0.1", b"https, http", "http", False),
        ("198.51.100.1", b"https", "http", False),
        ("198.51.100.1", b"http", "https", True),
    ],
)
def test_https_is_believed_only_from_trusted_proxies(peer: str, protocol: bytes, scheme: str, expected: bool) -> None:
    headers = [(b"x-forwarded-proto", protocol)]
    assert client_of({"client": (peer, 1), "headers": headers, "scheme": scheme}, TRUSTED).is_https is expected


@pytest.mark.parametrize(
    ("peer", "expected"),
    [("::ffff:192.0.2.7", "192.0.2.7"), ("2001:DB8:0::7", "2001:db8::7"), ("192.0.2.7", "192.0.2.7"), ("", "")],
)
@pytest.mark.parametrize("trusted", [(), TRUSTED])
def test_one_caller_has_one_address(peer: str, expected: str, trusted: Sequence[Network]) -> None:
    """A server on `::` sees callers over IPv4 as mapped addresses; limits and the audit trail must not."""
    scope: Scope = {"client": (peer, 1) if peer else None, "headers": [], "scheme": "http"}
    assert client_of(scope, trusted).address == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:192.0.2.1", "192.0.2.1/32"),
        ("::ffff:a00:1/128", "10.0.0.1/32"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::/0", "::/0"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("10.1.2.3/8", "10.0.0.0/8"),
    ],
)
def test_a_proxy_may_be_named_either_way(tmp_path: Path, given: str, expected: str) -> None:
    assert Config(data_dir=tmp_path, trusted_proxies=given).trusted_proxies == (ip_network(expected),)


def test_without_trusted_proxies_headers_say_nothing() -> None:
    scope = {"client": ("10.0.0.1", 1), "headers": [(b"x-forwarded-for", b"1.2.3.4")], "scheme": "http"}
    assert client_of(scope, ()).address == "10.0.0.1"


@drawn(st.lists(st.text(max_size=40)))
def test_any_header_gives_an_address(forwarded: list[str]) -> None:
    peer = ip_address("10.0.0.1")
    assert client_from_forwarded(peer, forwarded, TRUSTED) is not None
    assert client_from_forwarded(ip_address("8.8.8.8"), forwarded, TRUSTED) == ip_address("8.8.8.8")
