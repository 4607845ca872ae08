"""An indexer of Prowlarr as it is stored: how it is configured, what was asked of it, and until when it is disabled."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter

from app.arr.models import IndexerLink
from app.arr.prowlarr import AgentUse, IndexerUse, ProwlarrIndexer
from app.prowlarr.budget import IndexerBudget

SYNCED = " (Prowlarr)"
"""Prowlarr adds it to the name of an indexer that it sets up in an app."""
MAX_ID_DIGITS = 9


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
_AGENTS: TypeAdapter[list[AgentUse]] = TypeAdapter(list[AgentUse])
_LINKS: TypeAdapter[list[IndexerLink]] = TypeAdapter(list[IndexerLink])


def stored(indexers: Sequence[StoredIndexer]) -> list[dict[str, Any]]:
    """As JSON for the column."""
    found: list[dict[str, Any]] = _STORED.dump_python(list(indexers), mode="json")
    return found


def read_stored(rows: Sequence[dict[str, Any]]) -> list[StoredIndexer]:
    return _STORED.validate_python(rows)


def stored_agents(agents: Sequence[AgentUse]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _AGENTS.dump_python(list(agents), mode="json")
    return found


def read_agents(rows: Sequence[dict[str, Any]]) -> list[AgentUse]:
    return _AGENTS.validate_python(rows)


def read_links(rows: Sequence[dict[str, Any]]) -> list[IndexerLink]:
    """An app's indexers, from the JSON of `AppSnapshot.links`."""
    return _LINKS.validate_python(rows)


def linked(indexers: Iterable[StoredIndexer], links: Iterable[IndexerLink], url: str) -> set[int]:
    """Ids of the indexers of the Prowlarr at `url` that an app has, by the addresses and names that they have there.

    The app may reach Prowlarr by another name than we do: then the name that Prowlarr gave the indexer must be right.
    """
    names = {each.indexer.indexer_id: each.indexer.name for each in indexers}
    host = urlsplit(url.lower()).netloc
    found = set()
    for link in links:
        parts = urlsplit(link.base_url or "")
        last = parts.path.rstrip("/").rpartition("/")[2]
        is_number = last.isascii() and last.isdigit() and len(last) <= MAX_ID_DIGITS
        indexer_id = int(last) if is_number else 0
        is_ours = parts.netloc.lower() == host or link.name == names.get(indexer_id, "") + SYNCED
        if indexer_id in names and is_ours:
            found.add(indexer_id)
    return found
