"""Seeded libraries: a few numbers describe a library as varied as a real one."""

# ruff: noqa: S608 - column names are this module's own; values are always bound

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.simulator.definition import AppDefinition
from tests.simulator.library import Library
from tests.simulator.store import DAY, slug, sort_title

_FIRST = (
    *("Silent", "Broken", "Golden", "Hidden", "Last", "Northern", "Paper", "Iron"),
    *("Second", "Distant", "Hollow", "Burning", "Quiet", "Lost", "Velvet"),
)
_SECOND = (
    *("Harbour", "Kingdom", "Signal", "Garden", "Witness", "Orchard", "Station"),
    *("Empire", "Winter", "Ledger", "Compass", "Island", "Verdict"),
)


@dataclass(frozen=True, slots=True)
class LibrarySpec:
    """Sizes and shares (0 to 1) of a library. The same seed makes the same library."""

    series: int = 20
    seasons: int = 3
    episodes: int = 10
    movies: int = 200
    artists: int = 40
    albums: int = 5
    tracks: int = 10
    authors: int = 40
    books: int = 5
    missing_share: float = 0.4
    cutoff_share: float = 0.1
    unmonitored_share: float = 0.1
    ended_share: float = 0.5
    specials: int = 2
    unaired_share: float = 0.05
    null_date_share: float = 0.02
    searched_share: float = 0.3
    recent_share: float = 0.05
    unavailable_share: float = 0.1
    new_share: float = 0.05
    partial_share: float = 0.1
    scene_share: float = 0.7
    tagged_share: float = 0.2
    profiles: tuple[int, ...] = (1, 2, 3)
    start_id: int = 1

    @classmethod
    def with_missing(cls, count: int, **shape: Any) -> "LibrarySpec":
        """Exactly `count` plain missing items for any app: everything monitored, aired and never searched."""
        per_series = 100
        plain: dict[str, Any] = {
            "series": max(1, -(-count // per_series)),
            "seasons": 10,
            "episodes": 10,
            "movies": count,
            "artists": max(1, -(-count // 10)),
            "albums": 10,
            "authors": max(1, -(-count // 10)),
            "books": 10,
            "partial_share": 0.0,
            "missing_share": 1.0,
            "cutoff_share": 0.0,
            "unmonitored_share": 0.0,
            "specials": 0,
            "unaired_share": 0.0,
            "null_date_share": 0.0,
            "searched_share": 0.0,
            "unavailable_share": 0.0,
            "new_share": 0.0,
            "recent_share": 0.0,
        }
        return _Exact(**{**plain, **shape}, item_limit=count)


@dataclass(frozen=True, slots=True)
class _Exact(LibrarySpec):
    item_limit: int | None = None


def fill(library: Library, spec: LibrarySpec, definition: AppDefinition, *, seed: int) -> None:
    """Add the described library in bulk."""
    maker = _Maker(library, spec, random.Random(seed))
    match definition.item:
        case "movie":
            maker.movies(scenes=definition.app_type == "whisparr")
        case "album":
            maker.owned(spec.artists, spec.albums, spec.tracks)
        case "book":
            maker.owned(spec.authors, spec.books, 1)
        case _:
            maker.series(years=definition.seasons_are_years)
    library.recompute_cutoff()


class _Maker:
    def __init__(self, library: Library, spec: LibrarySpec, rng: random.Random) -> None:
        self._library, self._spec, self._rng = library, spec, rng
        self._now = int(library.clock.timestamp())
        self._tags = [library.tag(label) for label in ("keep", "anime", "no-hunt")]
        self._files: list[tuple[Any, ...]] = []
        self._limit = spec.item_limit if isinstance(spec, _Exact) else None
        self._made = 0
        self._files_before = library.db.number("SELECT max(id) FROM files")

    def series(self, *, years: bool) -> None:
        """Series with their seasons, which Whisparr v2 numbers by years."""
        shift = datetime.fromtimestamp(self._now, UTC).year - self._spec.seasons if years else 0
        db = self._library.db
        base = db.number("SELECT max(id) FROM parents")
        item_base = db.number("SELECT max(id) FROM items")
        parents: list[tuple[Any, ...]] = []
        seasons: list[tuple[int, int, int]] = []
        items: list[tuple[Any, ...]] = []
        for index in range(self._spec.series):
            parent_id = base + index + 1
            parent, ended = self._parent(parent_id)
            parents.append(parent)
            for number in range(0 if self._spec.specials else 1, self._spec.seasons + 1):
                season_monitored = number > 0 and not self._chance(self._spec.unmonitored_share / 2)
                shown_as = number + shift if number else 0
                seasons.append((parent_id, shown_as, int(season_monitored)))
                first_id = item_base + len(items) + 1
                items += self._season(parent, number, shown_as, ended=ended, first_id=first_id)
        self._store_parents(parents)
        db.change_many("INSERT INTO seasons VALUES (?, ?, ?)", seasons)
        self._store(items)

    def movies(self, *, scenes: bool) -> None:
        base = self._library.db.number("SELECT max(id) FROM items")
        self._store([self._movie(base + index + 1) for index in range(self._spec.movies)])
        if scenes:
            self._make_scenes(base)

    def owned(self, owners: int, each: int, parts: int) -> None:
        """Artists with albums, or authors with books."""
        db = self._library.db
        base, item_base = db.number("SELECT max(id) FROM parents"), db.number("SELECT max(id) FROM items")
        parents: list[tuple[Any, ...]] = []
        items: list[tuple[Any, ...]] = []
        for index in range(owners):
            parent, _ = self._parent(base + index + 1)
            parents.append(parent)
            for number in range(1, each + 1):
                if self._limit is not None and len(items) >= self._limit:
                    break
                items.append(self._owned(item_base + len(items) + 1, parent, number, parts))
        self._store_parents(parents)
        self._store(items)

    def _make_scenes(self, base: int) -> None:
        """Turns most of the movies into scenes of a few studios and performers (Whisparr v3)."""
        library, rng = self._library, self._rng
        studios = [library.studio(f"{name} Studio") for name in _FIRST[:5]]
        people = [library.performer(f"{one} {two}") for one, two in zip(_FIRST, _SECOND, strict=False)]
        rows = []
        for item_id in range(base + 1, base + self._spec.movies + 1):
            kind = "scene" if self._chance(self._spec.scene_share) else "movie"
            rows.append((kind, rng.choice(studios), json.dumps(sorted(rng.sample(people, 2))), item_id))
        library.db.change_many("UPDATE items SET kind = ?, studio_id = ?, performers = ? WHERE id = ?", rows)

    def _store_parents(self, parents: list[tuple[Any, ...]]) -> None:
        self._library.db.change_many(f"INSERT INTO parents VALUES ({','.join('?' * 13)})", parents)

    def _store(self, items: list[tuple[Any, ...]]) -> None:
        columns = (
            "id, parent_id, season, number, title, sort_title, year, status, monitored, wanted, profile_id, tags,"
            " runtime, added_at, air_at, due_at, cinema_at, digital_at, physical_at, availability, root,"
            " file_id, last_search_at, parts, parts_had"
        )
        db = self._library.db
        db.change_many(f"INSERT INTO items ({columns}) VALUES ({','.join('?' * 25)})", items)
        db.change_many(f"INSERT INTO files VALUES ({','.join('?' * 10)})", self._files)

    def _chance(self, share: float) -> bool:
        return self._rng.random() < share

    def _title(self, number: int) -> str:
        return f"The {self._rng.choice(_FIRST)} {self._rng.choice(_SECOND)} {number}"

    def _tag_list(self) -> str:
        return f"[{self._rng.choice(self._tags)}]" if self._chance(self._spec.tagged_share) else "[]"

    def _parent(self, parent_id: int) -> tuple[tuple[Any, ...], bool]:
        spec, rng, title = self._spec, self._rng, self._title(parent_id)
        ended = self._chance(spec.ended_share)
        added = self._now - (rng.randint(600, DAY) if self._chance(spec.new_share) else rng.randint(10, 900) * DAY)
        monitored = int(not self._chance(spec.unmonitored_share))
        kind = rng.choice(("standard", "standard", "standard", "daily", "anime"))
        status = "ended" if ended else "continuing"
        row = (parent_id, title, sort_title(title), slug(title), rng.randint(1990, 2024), status, kind, monitored)
        more = (rng.choice(spec.profiles), self._tag_list(), rng.choice((22, 45, 60)), added, self._library.root)
        return (*row, *more), ended

    def _season(
        self, parent: tuple[Any, ...], number: int, shown_as: int, *, ended: bool, first_id: int
    ) -> Iterator[tuple[Any, ...]]:
        """The episodes of the season that the app numbers `shown_as`."""
        spec = self._spec
        parent_id, monitored, runtime, added = parent[0], parent[7], parent[10], parent[11]
        count = spec.episodes if number else spec.specials
        last = number == spec.seasons
        for position in range(1, count + 1):
            if self._limit is not None and self._made >= self._limit:
                return
            self._made += 1
            item_id = first_id + position - 1
            air_at = self._air_at(number, position, count, running=last and not ended)
            own = int(not self._chance(spec.unmonitored_share))
            due = None if air_at is None else air_at + runtime * 60
            file_id = self._file(item_id, parent_id, shown_as, due)
            title = f"Chapter {position}"
            yield (
                *(item_id, parent_id, shown_as, position, title, title.lower(), None, None, own, own & monitored),
                *(None, None, 0, added, air_at, due, None, None, None, None, None),
                *(file_id, self._searched(), 1, int(file_id > 0)),
            )

    def _owned(self, item_id: int, parent: tuple[Any, ...], number: int, parts: int) -> tuple[Any, ...]:
        spec, title = self._spec, f"{self._rng.choice(_SECOND)} {number}"
        released = self._air_at(spec.seasons, number, number, running=True)
        own = int(not self._chance(spec.unmonitored_share))
        before = len(self._files)
        had = self._rng.randint(1, parts - 1) if parts > 1 and self._chance(spec.partial_share) else parts
        file_id = self._file(item_id, parent[0], 0, released, parts=had)
        had = had if len(self._files) > before else 0
        return (
            *(item_id, parent[0], 0, None, title, title.lower(), None, None, own, own & parent[7]),
            *(None, None, 0, parent[11], released, released, None, None, None, None, self._library.root),
            *(file_id, self._searched(), parts, had),
        )

    def _air_at(self, season: int, position: int, count: int, *, running: bool) -> int | None:
        spec, rng = self._spec, self._rng
        if self._chance(spec.null_date_share):
            return None
        if running and self._chance(spec.unaired_share * spec.seasons):
            return self._now + rng.randint(1, 60) * DAY
        if running and self._chance(spec.recent_share):
            return self._now - rng.randint(3_600, 2 * DAY)
        age_days = (spec.seasons - season + 1) * 365 + (count - position) * 7 + rng.randint(0, 5)
        return self._now - age_days * DAY

    def _movie(self, item_id: int) -> tuple[Any, ...]:
        spec, rng, title = self._spec, self._rng, self._title(item_id)
        profile = rng.choice(spec.profiles)
        own = int(not self._chance(spec.unmonitored_share))
        cinema, digital, physical = self._release_dates()
        unavailable = digital is not None and digital > self._now
        status = "announced" if (cinema or 0) > self._now else "inCinemas" if unavailable else "released"
        file_id = 0 if unavailable else self._file(item_id, None, 0, 0)
        added = self._now - (rng.randint(600, DAY) if self._chance(spec.new_share) else rng.randint(10, 900) * DAY)
        availability = rng.choice(("announced", "inCinemas", "released", "released"))
        year = 1970 + (cinema or self._now) // (365 * DAY + DAY // 4)
        return (
            *(item_id, None, 0, None, title, sort_title(title), year, status, own, own),
            *(profile, self._tag_list(), rng.randint(80, 180), added, None, 0, cinema, digital, physical),
            *(availability, self._library.root, file_id, self._searched(), 1, int(file_id > 0)),
        )

    def _release_dates(self) -> tuple[int | None, int | None, int | None]:
        spec, rng = self._spec, self._rng
        if self._chance(spec.unavailable_share):
            cinema = self._now + rng.randint(-40, 200) * DAY
            return cinema, max(cinema, self._now) + rng.randint(60, 120) * DAY, None
        if self._chance(spec.recent_share):
            digital = self._now - rng.randint(3_600, 2 * DAY)
            return digital - 90 * DAY, digital, None
        cinema = self._now - rng.randint(300, 12_000) * DAY
        physical = None if self._chance(0.2) else cinema + 150 * DAY
        return (None if self._chance(spec.null_date_share) else cinema), cinema + 100 * DAY, physical

    def _file(self, item_id: int, parent_id: int | None, season: int, due: int | None, *, parts: int = 1) -> int:
        """A file below the cutoff, a good one, or none, for each part; unaired episodes have none."""
        spec, rng, catalogue = self._spec, self._rng, self._library.catalogue
        draw = rng.random()
        if draw < spec.missing_share or due is None or due > self._now:
            return 0
        low = draw < spec.missing_share + spec.cutoff_share
        quality = rng.choice(catalogue.low if low else catalogue.high)
        score = rng.choice((0, 0, 50, 100))
        size = rng.randint(300, 4_000) * 1_000_000
        first = self._files_before + len(self._files) + 1
        for part in range(1, parts + 1):
            row = (first + part - 1, item_id, parent_id, season, quality, score, size // parts)
            self._files.append((*row, self._now - 30 * DAY, None, part))
        return first

    def _searched(self) -> int | None:
        """Searched items are spread over wanted and complete ones alike."""
        return self._now - self._rng.randint(1, 400) * DAY if self._chance(self._spec.searched_share) else None
