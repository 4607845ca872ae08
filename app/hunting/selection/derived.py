"""Wanted lists for an app that has none, derived from its library."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol

from app.arr.base import ArrClient
from app.arr.models import HuntPass, LibraryMovie, SortKey, WantedItem, WantedPage


@dataclass(frozen=True, slots=True)
class DerivedSource:
    """Pages of what the library lacks. It may be hours old and knows nothing of searches."""

    movies: Sequence[LibraryMovie]
    requests: int = 0
    """Requests that reading the library took; pages take none."""
    reports_last_search: ClassVar[bool] = False
    list_page_size: ClassVar[int] = 1000

    async def wanted(
        self, hunt_pass: HuntPass, *, sort: SortKey, descending: bool, page: int, page_size: int, bare: bool = False
    ) -> WantedPage:
        """As an app would answer; `sort` does not matter, the order is always that of the releases."""
        del sort, bare
        listed = [movie.item for movie in self.movies if _belongs(movie, hunt_pass)]
        listed.sort(key=_sort_key, reverse=descending)
        start = (page - 1) * page_size
        return WantedPage(tuple(listed[start : start + page_size]), len(listed))


class DerivedListStore(Protocol):
    """Where the libraries are kept."""

    async def source(self, instance_id: int, url: str, client: ArrClient, now: datetime) -> DerivedSource: ...


def _sort_key(item: WantedItem) -> tuple[float, int]:
    return min((date.timestamp() for date in item.dates.known), default=0.0), item.item_id


def _belongs(movie: LibraryMovie, hunt_pass: HuntPass) -> bool:
    """Missing: monitored, without a file; cutoff: monitored, with a file below it."""
    if not movie.item.monitored:
        return False
    if hunt_pass is HuntPass.MISSING:
        return not movie.has_file
    return movie.has_file and not movie.cutoff_met
