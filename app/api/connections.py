"""The open connections of a server: how many of whom there are, and which of them makes room for a new one."""

from collections import Counter
from collections.abc import Sequence
from ipaddress import IPv6Address
from typing import Protocol

from app.api.client_address import Network, is_trusted, parse_address

IPV6_NEIGHBOURS_BITS = 64
"""Whoever has an IPv6 address has as many of this prefix as he likes; they count as one."""


class Droppable(Protocol):
    """A connection as it is seen here."""

    def drop(self) -> None:
        """Close it; no request of it has begun."""


def counted_as(host: str, trusted: Sequence[Network]) -> str | None:
    """Under which name connections of `host` are counted; None for trusted proxies, which speak for many."""
    address = parse_address(host)
    if address is None:
        return host or None  # a Unix socket has no address: whoever may open it is trusted
    if is_trusted(address, trusted):
        return None
    if isinstance(address, IPv6Address):
        return f"{int(address) >> IPV6_NEIGHBOURS_BITS:x}"
    return str(address)


class OpenConnections:
    """Counts connections by peer. Where there is no room, the one that has waited longest for a head is closed."""

    def __init__(self) -> None:
        self._peers: dict[Droppable, str | None] = {}
        self._idle: dict[Droppable, None] = {}  # the longest idle first: dictionaries keep their order
        self._count: Counter[str | None] = Counter()

    def admit(self, connection: Droppable, peer: str | None, *, max_of_peer: int, max_of_all: int) -> bool:
        """Count a new connection, after making room for it. False where nobody can make room."""
        if peer is not None and self._count[peer] >= max_of_peer and not self._make_room(peer):
            return False
        if len(self._peers) >= max_of_all and not self._make_room(None):
            return False
        self._peers[connection] = peer
        self._count[peer] += 1
        self.set_idle(connection)
        return True

    def set_idle(self, connection: Droppable) -> None:
        """It waits for the head of a request."""
        if connection in self._peers:
            self._idle[connection] = None

    def set_busy(self, connection: Droppable) -> None:
        """It has a request, which is not interrupted."""
        self._idle.pop(connection, None)

    def remove(self, connection: Droppable) -> None:
        """Count it no more. It may have been removed before."""
        self._idle.pop(connection, None)
        if connection in self._peers:
            peer = self._peers.pop(connection)
            self._count[peer] -= 1
            if not self._count[peer]:
                del self._count[peer]

    def _make_room(self, peer: str | None) -> bool:
        """Close the longest idle connection, of `peer` if it is given."""
        for connection in self._idle:
            if peer is None or self._peers[connection] == peer:
                self.remove(connection)
                connection.drop()
                return True
        return False
