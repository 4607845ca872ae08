"""What a simulated app holds: series and episodes or movies, their files, profiles and tags, built case by case."""

# ruff: noqa: S608 - table and column names are this package's own; values are always bound

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from sqlite3 import Row
from typing import Any

from tests.simulator.clock import SimClock
from tests.simulator.database import Database
from tests.simulator.qualities import Profile, stock_profiles
from tests.simulator.wire import epoch_of

Moment = datetime | float | None
DAY = 86_400
_FAR_PAST = 30 * DAY
_AT_ONCE = 0  # Radarr has no date rule: every movie with a year is listed (arr contracts §3.3)


def sort_title(title: str) -> str:
    lowered = title.lower()
    return lowered.removeprefix("the ").removeprefix("a ")


def slug(title: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in title.lower()).split())


class Library:
    """Builders and direct changes; dates are aware datetimes or epoch seconds."""

    def __init__(self, database: Database, clock: SimClock, *, root: str, cutoff_first_season: int | None) -> None:
        self.db = database
        self.clock = clock
        self.root = root
        self.profiles: dict[int, Profile] = {profile.id: profile for profile in stock_profiles()}
        self._cutoff_first_season = cutoff_first_season

    # --- building ---------------------------------------------------------------------------------------------------

    def tag(self, label: str) -> int:
        """The id of a tag, made if need be; labels are lower-cased (arr contracts §6.3)."""
        lowered = label.lower()
        found = self.db.row("SELECT id FROM tags WHERE label = ?", (lowered,))
        return int(found["id"]) if found else self.db.insert("tags", {"label": lowered})

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
        """Seasons appear with their first episode; name some in `seasons` to have empty ones."""
        series_id = self.db.insert(
            "parents",
            {
                "title": title,
                "sort_title": sort_title(title),
                "slug": slug(title),
                "year": year,
                "status": "ended" if ended else "continuing",
                "kind": series_type,
                "monitored": int(monitored),
                "profile_id": profile_id,
                "tags": self._tag_ids(tags),
                "runtime": runtime,
                "added_at": self._past(added),
                "root": self.root,
            },
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
        quality_id: int = 5,
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
                # Missing begins when the episode is over by the series' runtime (arr contracts §3.3).
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
        quality_id: int = 5,
        score: int = 0,
        last_search: Moment = None,
        added: Moment = None,
        runtime: int = 110,
    ) -> int:
        return self._insert_item(
            {
                "title": title,
                "year": year,
                "status": status,
                "monitored": int(monitored),
                "profile_id": profile_id,
                "tags": self._tag_ids(tags),
                "runtime": runtime,
                "added_at": self._past(added),
                "due_at": _AT_ONCE if year > 0 else None,
                "cinema_at": epoch_of(in_cinemas),
                "digital_at": epoch_of(digital),
                "physical_at": epoch_of(physical),
                "availability": minimum_availability,
                "last_search_at": epoch_of(last_search),
            },
            (quality_id, score) if has_file else None,
        )

    def add_file(
        self, item_id: int, *, quality_id: int = 5, score: int = 0, size: int = 1_500_000_000, name: str | None = None
    ) -> int:
        """Give an item a file (in place of the one it had)."""
        item = self.item(item_id)
        self.db.change("DELETE FROM files WHERE item_id = ?", (item_id,))
        file_id = self.db.insert(
            "files",
            {
                "item_id": item_id,
                "parent_id": item["parent_id"],
                "season": item["season"],
                "quality_id": quality_id,
                "score": score,
                "size": size,
                "added_at": int(self.clock.timestamp()),
                "scene_name": name,
            },
        )
        self.db.change("UPDATE items SET file_id = ? WHERE id = ?", (file_id, item_id))
        self.recompute_cutoff([item_id])
        return file_id

    def remove_file(self, item_id: int) -> None:
        self.db.change("DELETE FROM files WHERE item_id = ?", (item_id,))
        self.db.change("UPDATE items SET file_id = 0, cutoff_unmet = 0 WHERE id = ?", (item_id,))

    def set_quality(self, item_id: int, quality_id: int, *, score: int | None = None) -> None:
        """Change what the item's file is worth."""
        self.db.change("UPDATE files SET quality_id = ? WHERE item_id = ?", (quality_id, item_id))
        if score is not None:
            self.db.change("UPDATE files SET score = ? WHERE item_id = ?", (score, item_id))
        self.recompute_cutoff([item_id])

    # --- changing ---------------------------------------------------------------------------------------------------

    def set_profile(self, profile: Profile) -> None:
        """Add a quality profile or replace the one with its id."""
        self.profiles[profile.id] = profile
        self.recompute_cutoff()

    def set_season(self, series_id: int, number: int, *, monitored: bool) -> None:
        self.db.change("INSERT OR REPLACE INTO seasons VALUES (?, ?, ?)", (series_id, number, int(monitored)))

    def update_parent(self, parent_id: int, **columns: Any) -> None:
        """Change columns of a series; what depends on them follows."""
        self._update("parents", parent_id, columns)
        self.db.change(
            "UPDATE items SET wanted = monitored AND (SELECT p.monitored FROM parents p WHERE p.id = :id)"
            " WHERE parent_id = :id",
            {"id": parent_id},
        )
        if "profile_id" in columns:
            ids = [row["id"] for row in self.db.rows("SELECT id FROM items WHERE parent_id = ?", (parent_id,))]
            self.recompute_cutoff(ids)

    def update_item(self, item_id: int, **columns: Any) -> None:
        """Change columns of an episode or a movie; what depends on them follows."""
        self._update("items", item_id, columns)
        self.db.change(
            "UPDATE items SET wanted = monitored AND"
            " coalesce((SELECT p.monitored FROM parents p WHERE p.id = parent_id), 1)"
            " WHERE id = ?",
            (item_id,),
        )
        if "profile_id" in columns:
            self.recompute_cutoff([item_id])

    def remove_item(self, item_id: int) -> None:
        self.db.change("DELETE FROM files WHERE item_id = ?", (item_id,))
        self.db.change("DELETE FROM items WHERE id = ?", (item_id,))

    def remove_parent(self, parent_id: int) -> None:
        for table, column in (
            ("files", "parent_id"),
            ("items", "parent_id"),
            ("seasons", "parent_id"),
            ("parents", "id"),
        ):
            self.db.change(f"DELETE FROM {table} WHERE {column} = ?", (parent_id,))

    def recompute_cutoff(self, item_ids: Sequence[int] | None = None) -> None:
        """Keep the column that the cutoff list reads; format scores play no part in it (arr contracts §3.3)."""
        floor = self._cutoff_first_season
        for profile in self.profiles.values():
            below = ",".join(str(quality) for quality in sorted(profile.below_cutoff())) or "-1"
            season = f" AND season >= {floor}" if floor is not None else ""
            rule = f"(SELECT quality_id FROM files WHERE files.id = file_id) IN ({below}){season}"
            owner = "coalesce(profile_id, (SELECT profile_id FROM parents WHERE parents.id = parent_id)) = ?"
            sql = f"UPDATE items SET cutoff_unmet = {rule} WHERE file_id <> 0 AND {owner}"
            if item_ids is None:
                self.db.change(sql, (profile.id,))
            else:
                self.db.change_many(f"{sql} AND id = ?", [(profile.id, item_id) for item_id in item_ids])

    # --- reading ----------------------------------------------------------------------------------------------------

    def parent(self, parent_id: int) -> Row:
        row = self.db.row("SELECT * FROM parents WHERE id = ?", (parent_id,))
        if row is None:
            raise KeyError(f"no series {parent_id}")
        return row

    def item(self, item_id: int) -> Row:
        row = self.db.row("SELECT * FROM items WHERE id = ?", (item_id,))
        if row is None:
            raise KeyError(f"no item {item_id}")
        return row

    def profile_of(self, item: Row) -> Profile:
        profile_id = item["profile_id"] or self.parent(item["parent_id"])["profile_id"]
        return self.profiles[profile_id]

    def search_times(self) -> dict[int, float | None]:
        """Every item's lastSearchTime, for asserting."""
        return {row["id"]: row["last_search_at"] for row in self.db.rows("SELECT id, last_search_at FROM items")}

    def missing_ids(self, *, monitored: bool = True) -> set[int]:
        """The truth about wanted/missing at this moment."""
        rows = self.db.rows(
            "SELECT id FROM items WHERE wanted = ? AND file_id = 0 AND due_at <= ?",
            (int(monitored), int(self.clock.timestamp())),
        )
        return {row["id"] for row in rows}

    def cutoff_ids(self, *, monitored: bool = True) -> set[int]:
        """The truth about wanted/cutoff at this moment."""
        rows = self.db.rows("SELECT id FROM items WHERE wanted = ? AND cutoff_unmet = 1", (int(monitored),))
        return {row["id"] for row in rows}

    def _insert_item(self, columns: dict[str, Any], file: tuple[int, int] | None) -> int:
        """`file` is the quality and the format score of the item's file."""
        derived = {"sort_title": sort_title(columns["title"]), "wanted": columns["monitored"], "root": self.root}
        item_id = self.db.insert("items", {**derived, **columns})
        if file is not None:
            self.add_file(item_id, quality_id=file[0], score=file[1])
        return item_id

    def _update(self, table: str, row_id: int, columns: dict[str, Any]) -> None:
        if not columns:
            return
        sets = ", ".join(f"{name} = ?" for name in columns)
        self.db.change(f"UPDATE {table} SET {sets} WHERE id = ?", (*columns.values(), row_id))

    def _tag_ids(self, labels: Sequence[str]) -> str:
        return json.dumps([self.tag(label) for label in labels])

    def _past(self, moment: Moment) -> int:
        known = epoch_of(moment)
        return int(self.clock.timestamp()) - _FAR_PAST if known is None else known
