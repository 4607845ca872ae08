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


def peer_of(scope: Scope, trusted: Sequence[Network]) -> ClientAddress:
    """The socket's peer, or what trusted proxies say about it."""
    client: tuple[str, int] | None = scope.get("client")
    host = client[0] if client else ""
    is_https = scope.get("scheme") == "https"
    if not trusted:
        return ClientAddress(host, is_https)
    peer = parsed(host)
    if peer is None:
        return ClientAddress(host, is_https)
    if not _is_trusted(peer, trusted):
        return ClientAddress(str(peer), is_https)
    headers = Headers(scope=scope)
    protocol = ",".join(headers.getlist("x-forwarded-proto")).rpartition(",")[2].strip().lower()
    return ClientAddress(str(walk(peer, headers.getlist("x-forwarded-for"), trusted)), protocol == "https" or is_https)


# What a proxy on its way adds; whoever sends one of these himself only loses the right of the local.
_PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")


def is_local(address: str, headers: Headers) -> bool:
    """Whether a call comes from this machine itself and straight: no proxy, and asked for by a loopback name.

    The name matters: a page of somebody else's, open in a browser here, can make its own name point to us.
    """
    peer = parsed(address)
    if peer is None or not peer.is_loopback or any(name in headers for name in _PROXY_HEADERS):
        return False
    host = headers.get("host", "").strip().lower()
    name = parsed(host.strip("[]")) or parsed(host)
    return name.is_loopback if name is not None else host.partition(":")[0] == "localhost"


def walk(peer: Address, forwarded: Sequence[str], trusted: Sequence[Network]) -> Address:
    """Read the header's values from the right; the first untrusted address is the caller's.

    What cannot be read stops the walk at the last good address: everything left of it may be invented.
    """
    current = peer
    for entry in reversed(",".join(forwarded).split(",")):
        if not _is_trusted(current, trusted):
            break
        found = parsed(entry.strip())
        if found is None:
            break
        current = found
    return current


def parsed(text: str) -> Address | None:
    """An address with or without a port; an IPv4 address that wears IPv6 clothes is taken out of them."""
    if match := _WITH_PORT.fullmatch(text):
        text = match["v6"] or match["v4"]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_trusted(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)
