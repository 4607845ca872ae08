"""An indexer of Prowlarr as it is stored: how it is configured, what was asked of it, and until when it is disabled."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter

from app.arr.models import IndexerLink
from app.arr.prowlarr import IndexerUse, ProwlarrIndexer
from app.prowlarr.budget import IndexerBudget

SYNCED = " (Prowlarr)"
"""Prowlarr adds it to the name of an indexer that it sets up in an app."""


@dataclass(frozen=True, slots=True)
class StoredIndexer:
    """`use` is what was asked of it in its window."""

    indexer: ProwlarrIndexer
    use: IndexerUse = field(default_factory=IndexerUse)
    disabled_until: datetime | None = None

    def with_use(self, use: IndexerUse, disabled_until: datetime | None) -> "StoredIndexer":
        return replace(self, use=use, disabled_until=disabled_until)

    def budget(self) -> IndexerBudget:
        return IndexerBudget(
            indexer_id=self.indexer.indexer_id,
            name=self.indexer.name,
            enabled=self.indexer.enabled and self.indexer.searches,
            query_limit=self.indexer.query_limit,
            grab_limit=self.indexer.grab_limit,
            window=timedelta(hours=self.indexer.window_hours),
            queries=self.use.queries,
            grabs=self.use.grabs,
            disabled_until=self.disabled_until,
        )


_STORED: TypeAdapter[list[StoredIndexer]] = TypeAdapter(list[StoredIndexer])
_LINKS: TypeAdapter[list[IndexerLink]] = TypeAdapter(list[IndexerLink])


def stored(indexers: Sequence[StoredIndexer]) -> list[dict[str, Any]]:
    """As JSON for the column."""
    found: list[dict[str, Any]] = _STORED.dump_python(list(indexers), mode="json")
    return found


def read_stored(rows: Sequence[dict[str, Any]]) -> list[StoredIndexer]:
    return _STORED.validate_python(rows)


def read_links(rows: Sequence[dict[str, Any]]) -> list[IndexerLink]:
    """An app's indexers, from the JSON of `AppSnapshot.links`."""
    return _LINKS.validate_python(rows)


def linked(indexers: Iterable[StoredIndexer], links: Iterable[IndexerLink]) -> set[int]:
    """Ids of the indexers of Prowlarr that an app has, by the addresses and names that Prowlarr gave them there.

    The host is not compared: the app may reach Prowlarr by another name than we do.
    """
    names = {each.indexer.indexer_id: each.indexer.name for each in indexers}
    found = set()
    for link in links:
        last = urlsplit(link.base_url or "").path.rstrip("/").rpartition("/")[2]
        indexer_id = int(last) if last.isascii() and last.isdigit() and len(last) < 10 else 0
        if names.get(indexer_id) == link.name.removesuffix(SYNCED) and link.name.endswith(SYNCED):
            found.add(indexer_id)
    return found
