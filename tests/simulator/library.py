"""Adds series, movies, scenes, artists and authors, with their items, to a simulated library."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from tests.simulator.messages import epoch_of
from tests.simulator.store import LibraryStore, Moment, slug, sort_title

_AT_ONCE = 0  # the movie-like apps have no date rule: every movie with a year is listed


class Library(LibraryStore):
    """Dates are aware datetimes or epoch seconds; none given = 30 days ago."""

    def add_series(
        self,
        *,
        title: str = "A Series",
        monitored: bool = True,
        ended: bool = False,
        tags: Sequence[str] = (),
        profile_id: int = 1,
        runtime: int = 45,
        year: int = 2015,
        series_type: str = "standard",
        added: Moment = None,
        seasons_monitored: bool = True,
        seasons: Iterable[int] = (),
    ) -> int:
        """Seasons are added with their first episode; `seasons` adds empty ones."""
        series_id = self._add_parent(
            title,
            monitored=monitored,
            ended=ended,
            tags=tags,
            profile_id=profile_id,
            added=added,
            runtime=runtime,
            year=year,
            kind=series_type,
        )
        for number in seasons:
            self.set_season(series_id, number, monitored=seasons_monitored)
        return series_id

    def add_episode(
        self,
        series_id: int,
        season: int,
        number: int,
        *,
        title: str | None = None,
        air_date: Moment = None,
        monitored: bool = True,
        has_file: bool = False,
        quality_id: int | None = None,
        score: int = 0,
        last_search: Moment = None,
        runtime: int = 0,
        aired: bool = True,
    ) -> int:
        """`air_date` None with `aired` = 30 days ago; with `aired=False` the episode has no air date at all."""
        series = self.parent(series_id)
        air_at = self._past(air_date) if aired or air_date is not None else None
        self.db.change("INSERT OR IGNORE INTO seasons VALUES (?, ?, 1)", (series_id, season))
        name = title or f"Episode {number}"
        return self._insert_item(
            {
                "parent_id": series_id,
                "season": season,
                "number": number,
                "title": name,
                "monitored": int(monitored),
                "wanted": int(monitored and series["monitored"]),
                "runtime": runtime,
                "added_at": series["added_at"],
                "air_at": air_at,
                # Missing begins when the episode is over by the series' runtime.
                "due_at": None if air_at is None else air_at + series["runtime"] * 60,
                "last_search_at": epoch_of(last_search),
            },
            (quality_id, score) if has_file else None,
        )

    def add_movie(
        self,
        *,
        title: str = "A Movie",
        year: int = 2015,
        monitored: bool = True,
        tags: Sequence[str] = (),
        profile_id: int = 1,
        minimum_availability: str = "announced",
        in_cinemas: Moment = None,
        digital: Moment = None,
        physical: Moment = None,
        status: str = "released",
        has_file: bool = False,
        last_search: Moment = None,
        **more: Any,
    ) -> int:
        """The three dates and `minimum_availability` are Radarr's; Whisparr uses only `status`."""
        file = (more.pop("quality_id", None), more.pop("score", 0))
        return self._insert_item(
            {
                "title": title,
                "year": year,
                "status": status,
                "monitored": int(monitored),
                "profile_id": profile_id,
                "tags": self._tag_ids(tags),
                "runtime": 110,
                "added_at": self._past(more.pop("added", None)),
                "due_at": _AT_ONCE if year > 0 else None,
                "cinema_at": epoch_of(in_cinemas),
                "digital_at": epoch_of(digital),
                "physical_at": epoch_of(physical),
                "availability": minimum_availability,
                "last_search_at": epoch_of(last_search),
                "kind": "movie",
                **more,
            },
            file if has_file else None,
        )

    def add_scene(
        self,
        *,
        title: str = "A Scene",
        release_date: Moment = None,
        studio: str | None = "A Studio",
        performers: Sequence[str] = (),
        **movie: Any,
    ) -> int:
        """Whisparr v3; the rest as for `add_movie`. Studios and performers are added with their first scene."""
        people = json.dumps([self.performer(name) for name in performers])
        studio_id = None if studio is None else self.studio(studio)
        columns: dict[str, Any] = {"kind": "scene", "studio_id": studio_id, "performers": people}
        return self.add_movie(title=title, digital=self._past(release_date), **movie, **columns)

    def studio(self, title: str) -> int:
        """The id of a studio, created if necessary."""
        found = self.db.row("SELECT id FROM studios WHERE title = ?", (title,))
        return int(found["id"]) if found else self.db.insert("studios", {"title": title, "monitored": 1})

    def performer(self, name: str) -> int:
        """The id of a performer, created if necessary."""
        found = self.db.row("SELECT id FROM performers WHERE name = ?", (name,))
        return int(found["id"]) if found else self.db.insert("performers", {"name": name, "monitored": 1})

    def add_artist(self, *, title: str = "An Artist", **owner: Any) -> int:
        """`monitored`, `ended`, `tags`, `profile_id`, `added` as for a series."""
        return self._add_parent(title, **owner)

    def add_author(self, *, title: str = "An Author", **owner: Any) -> int:
        """`monitored`, `ended`, `tags`, `profile_id`, `added` as for a series."""
        return self._add_parent(title, **owner)

    def add_album(
        self, artist_id: int, *, title: str = "An Album", tracks: int = 10, tracks_had: int | None = None, **item: Any
    ) -> int:
        """`tracks_had` of the `tracks` have files; the rest as for `add_book`. A partial album counts as missing."""
        wanted = tracks_had if tracks_had is not None else tracks if item.pop("has_file", False) else 0
        quality_id, score = item.pop("quality_id", None), item.pop("score", 0)
        album_id = self._add_owned(artist_id, title, parts=tracks, **item)
        if wanted:
            self.add_file(album_id, quality_id=quality_id, score=score, parts=wanted)
        return album_id

    def add_book(self, author_id: int, *, title: str = "A Book", editions: int = 1, **item: Any) -> int:
        """`release_date`, `released=False` (no date), `monitored`, `has_file`, `quality_id`, `score`, `last_search`.

        With more than one monitored edition the wanted lists repeat the book.
        """
        has_file, quality_id, score = item.pop("has_file", False), item.pop("quality_id", None), item.pop("score", 0)
        book_id = self._add_owned(author_id, title, editions=editions, **item)
        if has_file:
            self.add_file(book_id, quality_id=quality_id, score=score)
        return book_id

    # --- inside -----------------------------------------------------------------------------------------------------

    def _add_parent(
        self,
        title: str,
        *,
        monitored: bool = True,
        ended: bool = False,
        tags: Sequence[str] = (),
        profile_id: int = 1,
        added: Moment = None,
        runtime: int = 0,
        year: int | None = None,
        kind: str | None = None,
    ) -> int:
        columns = {
            "title": title,
            "sort_title": sort_title(title),
            "slug": slug(title),
            "year": year,
            "status": "ended" if ended else "continuing",
            "kind": kind,
            "monitored": int(monitored),
            "profile_id": profile_id,
            "tags": self._tag_ids(tags),
            "runtime": runtime,
            "added_at": self._past(added),
            "root": self.root,
        }
        return self.db.insert("parents", columns)

    def _add_owned(
        self,
        parent_id: int,
        title: str,
        *,
        release_date: Moment = None,
        released: bool = True,
        monitored: bool = True,
        last_search: Moment = None,
        parts: int = 1,
        editions: int = 1,
    ) -> int:
        owner = self.parent(parent_id)
        released_at = self._past(release_date) if released or release_date is not None else None
        return self._insert_item(
            {
                "parent_id": parent_id,
                "title": title,
                "monitored": int(monitored),
                "wanted": int(monitored and owner["monitored"]),
                "added_at": owner["added_at"],
                "air_at": released_at,
                "due_at": released_at,
                "last_search_at": epoch_of(last_search),
                "parts": parts,
                "editions": editions,
            },
            None,
        )
