"""Apps whose items are movies, which have no owner and one file each."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, ClassVar

from app.arr.base import ArrClient, KnownItems
from app.arr.errors import ArrError, ErrorCode
from app.arr.http import Params
from app.arr.models import (
    FileFacts,
    HistoryKind,
    HuntPass,
    LibraryStep,
    Mode,
    QualityProfile,
    ReleaseDates,
    Unit,
    Upgradable,
    WantedItem,
)
from app.arr.parsing import Flag, Ids, IfRecord, MaybeFlag, MaybeId, MaybeNumber, read_one
from app.arr.resources import FileResource, ItemResource
from app.http.bodies import MAX_SMALL_BYTES

IDS_PER_STEP = 100  # they make a query of 1.6 KB


class MovieResource(ItemResource):
    """The fields that all these apps share; their dates differ."""

    year: MaybeNumber = None
    is_available: MaybeFlag = None
    tags: Ids = frozenset()
    quality_profile_id: MaybeId = None
    has_file: Flag = False
    movie_file: Annotated[FileResource | None, IfRecord] = None

    @property
    def file(self) -> FileFacts | None:
        return self.movie_file.facts() if self.movie_file else None

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
            year=self.year or None,
        )

    @property
    def dates(self) -> ReleaseDates:
        return ReleaseDates()


class MovieClient(ArrClient):
    """The wanted lists also hold movies that are not available yet."""

    item: ClassVar[Unit] = Unit.MOVIE
    units: ClassVar[frozenset[Unit]] = frozenset({Unit.MOVIE})
    modes: ClassVar[tuple[Mode, ...]] = (Mode.AUTO, Mode.MOVIE)
    searches: ClassVar[Mapping[Unit, str]] = {Unit.MOVIE: "MoviesSearch"}
    item_resource: ClassVar[type[MovieResource]]
    file_path: ClassVar[str] = "moviefile"
    queue_params: ClassVar[Params] = {"includeUnknownMovieItems": True}
    history_kinds: ClassVar[Mapping[str, HistoryKind]] = {"downloadfolderimported": HistoryKind.IMPORTED}

    async def last_searches(self, item_ids: Sequence[int]) -> dict[int, datetime | None]:
        """One request for each: no list takes several ids."""
        found = [await self._movie(item_id) for item_id in item_ids]
        return {movie.id: movie.last_search_time for movie in found if movie is not None}

    async def wanted_of(self, hunt_pass: HuntPass, owner_id: int, *, now: datetime) -> tuple[WantedItem, ...]:
        """`owner_id` is the id of a movie: movies have no owner."""
        movie = await self._movie(owner_id)
        if movie is None or not movie.monitored:
            return ()
        if hunt_pass is HuntPass.MISSING:
            is_wanted = not movie.has_file
        else:
            is_wanted = movie.file is not None and movie.file.cutoff_met is False
        return (movie.item(self.item),) if is_wanted else ()

    async def upgradable(
        self, first_id: int, *, profiles: Mapping[int, QualityProfile], budget: int, known_items: KnownItems
    ) -> LibraryStep:
        """Reads the files of a hundred ids, then one by one the movies whose score some profile finds too low."""
        files = await self.files(range(first_id, first_id + IDS_PER_STEP))
        scoring = [profile for profile in profiles.values() if profile.wants_score]
        low = sorted(item_id for item_id, file in files.items() if any(profile.is_below(file) for profile in scoring))
        known = frozenset(await known_items(low)) if low else frozenset()
        found: list[Upgradable] = []
        requests = 1
        for item_id in (movie_id for movie_id in low if movie_id not in known):
            if requests >= budget:
                return LibraryStep(tuple(found), item_id, requests=requests)
            requests += 1
            upgrade = await self._upgrade(item_id, files[item_id], profiles)
            found += [upgrade] if upgrade else []
        return LibraryStep(tuple(found), first_id + IDS_PER_STEP, requests=requests, is_empty=not files)

    async def _upgrade(
        self, item_id: int, file: FileFacts, profiles: Mapping[int, QualityProfile]
    ) -> Upgradable | None:
        movie = await self._movie(item_id)
        if movie is None:
            return None
        item = replace(movie.item(self.item), file=file)
        profile = profiles.get(item.quality_profile_id or 0)
        return profile.upgrade_of(item) if profile is not None and item.monitored else None

    async def _movie(self, movie_id: int) -> MovieResource | None:
        """`None` when it was removed a moment ago."""
        try:
            reply = await self._ask("GET", f"movie/{movie_id}", limit=MAX_SMALL_BYTES)
        except ArrError as failure:
            if failure.code is ErrorCode.NOT_FOUND:
                return None
            raise
        return read_one(self.item_resource, reply, "movie")
