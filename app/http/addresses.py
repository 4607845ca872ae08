"""Addresses of requests: the normal form of a URL, and the check of every address at the moment of connecting.

Loopback and private addresses are allowed: the apps are there. Link-local, cloud metadata, multicast and unspecified
addresses are blocked, in any spelling and whatever name resolves to them.
"""

import asyncio
import re
import socket
import ssl
import unicodedata
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

import httpcore
import httpx
import idna

from app.core.errors import Invalid

MAX_URL_LENGTH = 500
MAX_HOST_LENGTH = 253

Address: TypeAlias = IPv4Address | IPv6Address
Resolve: TypeAlias = Callable[[str, int], Awaitable[list[str]]]
SocketOption: TypeAlias = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]

# Addresses that give machines of a cloud their credentials, and who documents them. Those of 169.254.0.0/16 and
# fe80::/10 are blocked as link-local.
METADATA_V4 = {
    "100.100.100.200": "Alibaba Cloud, ECS: Instance metadata",
    "168.63.129.16": "Microsoft Learn: What is IP address 168.63.129.16?",
    "192.0.0.192": "Oracle Cloud Infrastructure Classic: Retrieving instance metadata",
}
METADATA_V6 = {
    "fd00:ec2::254": "Amazon EC2 user guide: Access instance metadata",
    "fd00:ec2::23": "Amazon EKS user guide: Set up the Pod Identity Agent",
    "fd20:ce::254": "Google Cloud: About VM metadata",
    "fd00:c1::a9fe:a9fe": "Oracle Cloud Infrastructure SDK for Python: signer for instance principals",
    "fd00:42::42": "cloud-init: data source Scaleway",
    "fd00:a9fe:a9fe::1": "Akamai (Linode): Metadata service API",
    "fd00:100::100:200": "Alibaba Cloud, ECS: Instance metadata",
}
_BLOCKED_V4 = (
    IPv4Network("0.0.0.0/8"),
    IPv4Network("169.254.0.0/16"),
    IPv4Network("224.0.0.0/4"),
    IPv4Network("255.255.255.255/32"),
    *map(IPv4Network, METADATA_V4),
)
_BLOCKED_V6 = (
    IPv6Network("::/128"),
    IPv6Network("fe80::/10"),
    IPv6Network("ff00::/8"),
    *map(IPv6Network, METADATA_V6),
)
_LOOPBACK_V6 = IPv6Address("::1")
# IPv6 networks whose addresses embed an IPv4 address, and how many bits stand to the right of it.
_EMBEDDING = (
    (IPv6Network("::/96"), 0),  # compatible (RFC 4291)
    (IPv6Network("::ffff:0:0/96"), 0),  # mapped (RFC 4291)
    (IPv6Network("::ffff:0:0:0/96"), 0),  # translated (RFC 2765)
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64 (RFC 6052)
    (IPv6Network("64:ff9b:1::/48"), 0),  # NAT64 of a local network (RFC 8215)
    (IPv6Network("2002::/16"), 80),  # 6to4 (RFC 3056)
)
_TEREDO = IPv6Network("2001::/32")  # the client's address is at the right, with all bits inverted (RFC 4380)
_ISATAP_PREFIXES = (0x00005EFE, 0x02005EFE)  # RFC 5214

_URL = re.compile(r"(?P<scheme>[^/?#:]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<rest>.*)", re.DOTALL)
_HOST_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+)*")
_DOTS = re.compile(r"(?i:/(?:\.|%2e){1,2}(?=/|$))")


class BlockedAddress(Invalid):
    """The address, or one that the name resolves to, is blocked."""


def normalise_url(text: str) -> str:
    """The normal form of a URL, such as `http://host:8989/base`; `Invalid` with a sentence when there is none."""
    if len(text) > MAX_URL_LENGTH:
        raise Invalid(f"The URL is too long: at most {MAX_URL_LENGTH} characters.")
    if any(c.isspace() or c == "\\" or unicodedata.category(c)[0] in "CZ" for c in text):
        raise Invalid("The URL must not hold spaces, backslashes or invisible characters.")
    parts = _URL.fullmatch(text)
    scheme = parts["scheme"].lower() if parts else ""
    if parts is None or scheme not in ("http", "https"):
        raise Invalid("The URL must begin with http:// or https://.")
    if parts["rest"]:
        raise Invalid("The URL must not hold a query (?) or a fragment (#).")
    if "@" in parts["authority"]:
        raise Invalid("The URL must not hold a user name or a password.")
    host, port = _split_authority(parts["authority"])
    return f"{scheme}://{_normal_host(host)}{port}{_normal_path(parts['path'])}"


def checked_url(text: str) -> str:
    """`normalise_url` for validators of fields: a wrong URL is a `ValueError`."""
    try:
        return normalise_url(text)
    except Invalid as wrong:
        raise ValueError(wrong.message) from None


def is_blocked(address: str | Address) -> bool:
    """Whether the address is blocked, or embeds a blocked one. A zone (`%eth0`) is ignored."""
    if isinstance(address, str):
        address = ip_address(address.partition("%")[0])
    if isinstance(address, IPv4Address):
        return any(address in network for network in _BLOCKED_V4)
    if address == _LOOPBACK_V6:
        return False
    return any(address in network for network in _BLOCKED_V6) or any(map(is_blocked, _embedded(address)))


def _embedded(address: IPv6Address) -> Iterable[IPv4Address]:
    bits = int(address)
    for network, shift in _EMBEDDING:
        if address in network:
            yield IPv4Address(bits >> shift & 0xFFFFFFFF)
    if address in _TEREDO:
        yield IPv4Address(~bits & 0xFFFFFFFF)
    if bits >> 32 & 0xFFFFFFFF in _ISATAP_PREFIXES:
        yield IPv4Address(bits & 0xFFFFFFFF)


def _split_authority(authority: str) -> tuple[str, str]:
    """The host, with its brackets, and `:port` or an empty string."""
    found = re.fullmatch(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::(.*))?", authority)
    if found is None:
        raise Invalid("The host of the URL cannot be read; an IPv6 address goes in [brackets].")
    host, port = found[1], found[2]
    if not host:
        raise Invalid("The URL needs a host, such as http://192.168.1.10:8989.")
    if port is None:
        return host, ""
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65535):
        raise Invalid("The port of the URL must be a number from 1 to 65535.")
    return host, f":{int(port)}"


def _normal_host(host: str) -> str:
    if "%" in host:
        raise Invalid("The host of the URL must not hold a percent sign or a zone.")
    if host.startswith("["):
        try:
            literal: Address | None = IPv6Address(host[1:-1])
        except ValueError:
            raise Invalid("The IPv6 address of the URL cannot be read.") from None
    else:
        host = _ascii_host(host)
        literal = _ipv4(host)
    if literal is None:
        return host
    if is_blocked(literal):
        raise Invalid(f"{literal} is a link-local, metadata, multicast or unspecified address: no app lives there.")
    return f"[{literal}]" if isinstance(literal, IPv6Address) else str(literal)


def _ascii_host(host: str) -> str:
    """In lower case and ASCII: full-width forms are folded, other scripts encoded as IDNA, a trailing dot removed."""
    try:
        host = unicodedata.normalize("NFKC", host).lower().replace("\u3002", ".")
        if not host.isascii():
            host = idna.encode(host, uts46=True, std3_rules=False).decode()
    except idna.IDNAError:
        raise Invalid("The host of the URL is not a valid name.") from None
    host = host.removesuffix(".")
    if len(host) > MAX_HOST_LENGTH or not all(_HOST_LABEL.fullmatch(label) for label in host.split(".")):
        raise Invalid("The host of the URL is not a valid name.")
    return host


def _ipv4(host: str) -> IPv4Address | None:
    """`host` as resolvers read an IPv4 address: 1 to 4 parts, each decimal, octal (0…) or hexadecimal (0x…)."""
    parts = host.split(".")
    if not _NUMBER.fullmatch(parts[-1]):
        return None
    try:
        numbers = [_number(part) for part in parts]
        last = numbers.pop()
        if len(numbers) > 3 or any(number > 255 for number in numbers) or last >= 256 ** (4 - len(numbers)):
            raise ValueError
    except ValueError:
        raise Invalid("The IPv4 address of the URL cannot be read.") from None
    return IPv4Address(sum(number << 8 * (3 - index) for index, number in enumerate(numbers)) + last)


def _number(part: str) -> int:
    if not _NUMBER.fullmatch(part):
        raise ValueError(part)
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    return int(part, 8 if part.startswith("0") else 10)


def _normal_path(path: str) -> str:
    path = path.rstrip("/")
    if not _PATH.fullmatch(path) or _DOTS.search(path):
        raise Invalid("The path of the URL must be a plain base path, such as /sonarr.")
    return path


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """httpcore's backend, but it resolves names itself and connects only to addresses that were checked.

    The name is not resolved again for the socket, so that it cannot change in between (DNS rebinding). TLS still
    verifies the certificate against the name of the URL.
    """

    def __init__(self, resolve: Resolve | None = None) -> None:
        self._sockets = httpcore.AnyIOBackend()
        self._resolve = resolve or resolve_name

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        deadline = None if timeout is None else loop.time() + timeout
        addresses = await self.allowed_addresses(host, port, timeout)
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for index, address in enumerate(addresses):
            remaining = None if deadline is None else max(0.001, (deadline - loop.time()) / (len(addresses) - index))
            try:
                return await self._sockets.connect_tcp(address, port, remaining, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as refused:
                failure = refused
        raise failure or httpcore.ConnectError("the name has no address")

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[SocketOption] | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise BlockedAddress("Unix sockets are not used.")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def allowed_addresses(self, host: str, port: int, timeout: float | None) -> list[str]:
        """The addresses of `host`; `BlockedAddress` when any of them is blocked."""
        try:
            addresses = [str(ip_address(host))]
        except ValueError:
            addresses = await self._resolved(host, port, timeout)
        if any(map(is_blocked, addresses)):
            raise BlockedAddress(f"{host} leads to a link-local, metadata, multicast or unspecified address.")
        return addresses

    async def _resolved(self, host: str, port: int, timeout: float | None) -> list[str]:
        try:
            async with asyncio.timeout(timeout):
                return await self._resolve(host, port)
        except TimeoutError as late:
            raise httpcore.ConnectTimeout("the name was not resolved in time") from late
        except (OSError, UnicodeError) as unknown:  # UnicodeError: a label that the resolver cannot encode
            raise httpcore.ConnectError(unknown) from unknown


async def resolve_name(host: str, port: int) -> list[str]:
    """The addresses of `host` without duplicates, in the order of the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedPool(httpx.AsyncHTTPTransport):
    """httpx's transport on a `GuardedBackend`: HTTP/1.1, no proxy, no Unix socket."""

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        connections: int,
        keepalive_seconds: float,
        resolve: Resolve | None = None,
    ) -> None:
        # super().__init__() is not called: it takes no backend, and would create a TLS context of its own.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=keepalive_seconds,
            network_backend=GuardedBackend(resolve),
        )
