"""Connections to indexers and download clients, with their secrets decrypted."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

from app.downloads.models import ClientConnection, ClientKind, DownloadClient
from app.indexers.models import IndexerConnection, IndexerKind
from app.movie_hunt.models import MovieDownloadClient, MovieIndexer
from app.secrets.box import SecretBox

MakeClient: TypeAlias = Callable[[ClientConnection], DownloadClient]


def indexer_connection(row: MovieIndexer, box: SecretBox) -> IndexerConnection:
    """`DecryptFailed` when the key was stored with another secret key."""
    return IndexerConnection(
        kind=IndexerKind(row.kind),
        name=row.name,
        url=row.url,
        api_path=row.api_path,
        api_key=box.decrypt(row.api_key) if row.api_key else "",
        categories=tuple(row.categories),
        verify_tls=row.verify_tls,
    )


def client_connection(row: MovieDownloadClient, box: SecretBox) -> ClientConnection:
    """`DecryptFailed` when a secret was stored with another secret key."""
    return ClientConnection(
        kind=ClientKind(row.kind),
        url=row.url,
        username=row.username,
        password=box.decrypt(row.password) if row.password else "",
        api_key=box.decrypt(row.api_key) if row.api_key else "",
        category=row.category,
        verify_tls=row.verify_tls,
    )


class ClientPool:
    """One object for each download client: it holds the session with it. A changed configuration makes a new one."""

    def __init__(self, make: MakeClient, box: SecretBox) -> None:
        self._make = make
        self._box = box
        self._made: dict[int, tuple[datetime, DownloadClient]] = {}

    def get(self, row: MovieDownloadClient) -> DownloadClient:
        """`DecryptFailed` when a secret was stored with another secret key."""
        known = self._made.get(row.id or 0)
        if known is not None and known[0] == row.updated_at:
            return known[1]
        client = self._make(client_connection(row, self._box))
        self._made[row.id or 0] = row.updated_at, client
        return client
