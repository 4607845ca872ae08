"""Apps whose items are movies, which belong to nobody: one file a movie, listed for many movies at once."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from app.arr.base import ArrClient, Known
from app.arr.errors import ArrError, ErrorCode
from app.arr.http import Params
from app.arr.models import (
    FileFacts,
    HistoryKind,
    LibraryStep,
    Mode,
    QualityProfile,
    ReleaseDates,
    Unit,
    Upgradable,
    WantedItem,
)
from app.arr.parsing import Ids, MaybeFlag, MaybeId, MaybeNumber, read_one
from app.arr.resources import ItemResource

IDS_A_STEP = 100  # a query of 1.6 KB


class MovieResource(ItemResource):
    """What is alike in all of them; which dates there are is not."""

    year: MaybeNumber = None
    is_available: MaybeFlag = None
    tags: Ids = frozenset()
    quality_profile_id: MaybeId = None

    def item(self, unit: Unit) -> WantedItem:
        title = self.title or f"{unit.capitalize()} {self.id}"
        return WantedItem(
            item_id=self.id,
            title=f"{title} ({self.year})" if self.year else title,
            unit=unit,
            monitored=self.monitored,
            dates=self.dates,
            available=self.is_available,
            added_at=self.added,
            last_search_at=self.last_search_time,
            tag_ids=self.tags,
            quality_profile_id=self.quality_profile_id,
        )

    @property
    def dates(self) -> ReleaseDates:
        return ReleaseDates()


class MovieClient(ArrClient):
    """Their wanted lists also hold what is not out yet (arr contracts §3.3): look at `available`."""

    item: ClassVar[Unit] = Unit.MOVIE
    units: ClassVar[frozenset[Unit]] = frozenset({Unit.MOVIE})
    modes: ClassVar[tuple[Mode, ...]] = (Mode.AUTO, Mode.MOVIE)
    searches: ClassVar[Mapping[Unit, str]] = {Unit.MOVIE: "MoviesSearch"}
    record: ClassVar[type[MovieResource]]
    file_path: ClassVar[str] = "moviefile"
    queue_params: ClassVar[Params] = {"includeUnknownMovieItems": True}
    events: ClassVar[Mapping[str, HistoryKind]] = {"downloadfolderimported": HistoryKind.IMPORTED}

    async def upgradable(
        self, first_id: int, *, profiles: Mapping[int, QualityProfile], budget: int, is_known: Known
    ) -> LibraryStep:
        """The files of a hundred ids, then the movies of those that some profile could want better, one by one."""
        files = await self.files(range(first_id, first_id + IDS_A_STEP))
        wanting = [profile for profile in profiles.values() if profile.wants_score]
        low = sorted(item_id for item_id, file in files.items() if any(one.is_below(file) for one in wanting))
        known = frozenset(await is_known(low)) if low else frozenset()
        found: list[Upgradable] = []
        spent = 1
        for item_id in (each for each in low if each not in known):
            if spent >= budget:
                return LibraryStep(tuple(found), item_id, requests=spent)
            spent += 1
            upgrade = await self._upgrade(item_id, files[item_id], profiles)
            found += [upgrade] if upgrade else []
        return LibraryStep(tuple(found), first_id + IDS_A_STEP, requests=spent, is_empty=not files)

    async def _upgrade(
        self, item_id: int, file: FileFacts, profiles: Mapping[int, QualityProfile]
    ) -> Upgradable | None:
        try:
            reply = await self._ask("GET", f"movie/{item_id}")
        except ArrError as failure:
            if failure.code is ErrorCode.NOT_FOUND:  # removed a moment ago
                return None
            raise
        item = replace(read_one(self.record, reply, "movie").item(self.item), file=file)
        profile = profiles.get(item.quality_profile_id or 0)
        return profile.upgrade_of(item) if profile is not None and item.monitored else None
