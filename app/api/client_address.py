"""The address that a request comes from: the one place that reads forwarded headers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.datastructures import Headers
from starlette.types import Scope

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Some proxies write the port too: `203.0.113.7:4711`, `[2001:db8::1]:4711`.
_WITH_PORT = re.compile(r"\[(?P<v6>[^\]]+)\](?::\d{1,5})?|(?P<v4>\d+\.\d+\.\d+\.\d+):\d{1,5}")


@dataclass(frozen=True, slots=True)
class ClientAddress:
    """`address` is empty where the transport has none (a Unix socket)."""

    address: str
    is_https: bool


def client_of(scope: Scope, trusted: Sequence[Network]) -> ClientAddress:
    """The socket's peer, or what trusted proxies say in their headers."""
    client: tuple[str, int] | None = scope.get("client")
    host = client[0] if client else ""
    is_https = scope.get("scheme") == "https"
    peer = parse_address(host)
    if peer is None:
        return ClientAddress(host, is_https)
    if not is_trusted(peer, trusted):
        return ClientAddress(str(peer), is_https)
    headers = Headers(scope=scope)
    protocol = ",".join(headers.getlist("x-forwarded-proto")).rpartition(",")[2].strip().lower()
    address = client_from_forwarded(peer, headers.getlist("x-forwarded-for"), trusted)
    return ClientAddress(str(address), protocol == "https" or is_https)


def client_from_forwarded(peer: Address, forwarded: Sequence[str], trusted: Sequence[Network]) -> Address:
    """Read the header's values from the right; the first address that is not a trusted proxy is the caller's.

    An unreadable value ends the search at the last good address: everything left of it may be forged.
    """
    current = peer
    for entry in reversed(",".join(forwarded).split(",")):
        if not is_trusted(current, trusted):
            break
        found = parse_address(entry.strip())
        if found is None:
            break
        current = found
    return current


def parse_address(text: str) -> Address | None:
    """An address with or without a port; an IPv4-mapped IPv6 address becomes IPv4."""
    if match := _WITH_PORT.fullmatch(text):
        text = match["v6"] or match["v4"]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_trusted(address: Address, trusted: Sequence[Network]) -> bool:
    """Whether the address is one of the trusted proxies."""
    return any(address in network for network in trusted)
