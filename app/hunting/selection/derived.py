"""The wanted lists of an app that has none: derived from its library, which is read at most once in six hours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import TypeAdapter

from app.arr.base import ArrClient
from app.arr.models import HuntPass, LibraryMovie, SortKey, WantedItem, WantedPage
from app.core.db import Database, upsert
from app.hunting.store.models import DerivedList

LASTS = timedelta(hours=6)

_MOVIES = TypeAdapter(list[LibraryMovie])


@dataclass(frozen=True, slots=True)
class DerivedSource:
    """Pages of what the library lacks; it may be six hours old, and tells nothing of searches."""

    movies: Sequence[LibraryMovie]
    tells_last_search: bool = False

    async def wanted(
        self, hunt_pass: HuntPass, *, sort: SortKey, descending: bool, page: int, page_size: int
    ) -> WantedPage:
        """As an app would answer; there is one order, that of the releases (`sort` does not matter)."""
        del sort
        listed = [one.item for one in self.movies if _belongs(one, hunt_pass)]
        listed.sort(key=_place)
        start = (page - 1) * page_size
        return WantedPage(tuple(listed[::-1] if descending else listed)[start : start + page_size], len(listed))


class DerivedLists:
    """Keeps one library an instance, with only what the filters need."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def source(self, instance_id: int, url: str, client: ArrClient, now: datetime) -> tuple[DerivedSource, int]:
        """The lists, and how many requests that took. `ArrError` when the app has to be asked and cannot."""
        async with self._db.reading() as session:
            row = await session.get(DerivedList, instance_id)
        if row is not None and row.url == url and row.read_at <= now < row.read_at + LASTS:
            return DerivedSource(_MOVIES.validate_json(row.movies)), 0
        movies = [one for one in await client.library() if not (one.has_file and one.cutoff_met)]
        values = {"instance_id": instance_id, "url": url, "read_at": now, "movies": _MOVIES.dump_json(movies)}
        async with self._db.session() as session:
            await upsert(session, DerivedList, [values], key=["instance_id"], replace=["url", "read_at", "movies"])
        return DerivedSource(movies), 1


def _place(item: WantedItem) -> tuple[float, int]:
    return min((date.timestamp() for date in item.dates.known), default=0.0), item.item_id


def _belongs(movie: LibraryMovie, hunt_pass: HuntPass) -> bool:
    """Missing: monitored, without a file; cutoff: monitored, with a file below it (arr contracts §3.5)."""
    if not movie.item.monitored:
        return False
    if hunt_pass is HuntPass.MISSING:
        return not movie.has_file
    return movie.has_file and not movie.cutoff_met
