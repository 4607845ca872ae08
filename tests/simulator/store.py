"""Base of every simulated library: stores items, files, profiles and tags, and says what is wanted."""

# ruff: noqa: S608 - table and column names are this package's own; values are always bound

import json
from collections.abc import Sequence
from datetime import datetime
from sqlite3 import Row
from typing import Any

from tests.simulator.clock import SimClock
from tests.simulator.database import Database
from tests.simulator.messages import Json, epoch_of
from tests.simulator.qualities import Catalogue, CustomFormat, Profile, stock_formats

Moment = datetime | float | None
DAY = 86_400
FAR_PAST = 30 * DAY


def sort_title(title: str) -> str:
    lowered = title.lower()
    return lowered.removeprefix("the ").removeprefix("a ")


def slug(title: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in title.lower()).split())


class LibraryStore:
    """Changes and reads the library directly; dates are aware datetimes or epoch seconds."""

    def __init__(
        self,
        database: Database,
        clock: SimClock,
        *,
        catalogue: Catalogue,
        root: str,
        cutoff_first_season: int | None = None,
    ) -> None:
        self.db = database
        self.clock = clock
        self.catalogue = catalogue
        self.root = root
        self.profiles: dict[int, Profile] = {profile.id: profile for profile in catalogue.stock_profiles()}
        self.formats: dict[int, CustomFormat] = {known.id: known for known in stock_formats()}
        self._cutoff_first_season = cutoff_first_season

    # --- files ------------------------------------------------------------------------------------------------------

    def add_file(
        self,
        item_id: int,
        *,
        quality_id: int | None = None,
        score: int = 0,
        size: int = 1_500_000_000,
        name: str | None = None,
        parts: int | None = None,
    ) -> int:
        """Replace the file of an item; an album gets one per track, or `parts` of them."""
        item = self.item(item_id)
        count = item["parts"] if parts is None else parts
        quality = self.catalogue.qualities[self.catalogue.usual if quality_id is None else quality_id]
        self.db.change("DELETE FROM files WHERE item_id = ?", (item_id,))
        ids = [
            self.db.insert(
                "files",
                {
                    "item_id": item_id,
                    "parent_id": item["parent_id"],
                    "season": item["season"],
                    "quality_id": quality.id,
                    "score": score,
                    "size": size // count,
                    "added_at": int(self.clock.timestamp()),
                    "scene_name": name,
                    "part": part,
                },
            )
            for part in range(1, count + 1)
        ]
        first = ids[0] if ids else 0
        self.db.change("UPDATE items SET file_id = ?, parts_had = ? WHERE id = ?", (first, count, item_id))
        self.recompute_cutoff([item_id])
        return first

    def remove_file(self, item_id: int) -> None:
        """Remove all files of an item."""
        self.db.change("DELETE FROM files WHERE item_id = ?", (item_id,))
        self.db.change("UPDATE items SET file_id = 0, parts_had = 0, cutoff_unmet = 0 WHERE id = ?", (item_id,))

    def remove_file_row(self, row: Row) -> None:
        """Remove one file; an album keeps its other tracks."""
        item_id = row["item_id"]
        self.db.change("DELETE FROM files WHERE id = ?", (row["id"],))
        self.db.change(
            "UPDATE items SET file_id = coalesce((SELECT min(f.id) FROM files f WHERE f.item_id = :id), 0),"
            " parts_had = (SELECT count(*) FROM files f WHERE f.item_id = :id), cutoff_unmet = 0 WHERE id = :id",
            {"id": item_id},
        )
        self.recompute_cutoff([item_id])

    def set_quality(self, item_id: int, quality_id: int, *, score: int | None = None) -> None:
        """Change quality or score of the item's files."""
        self.db.change("UPDATE files SET quality_id = ? WHERE item_id = ?", (quality_id, item_id))
        if score is not None:
            self.db.change("UPDATE files SET score = ? WHERE item_id = ?", (score, item_id))
        self.recompute_cutoff([item_id])

    def files_of(self, item_id: int) -> list[Row]:
        return self.db.rows("SELECT * FROM files WHERE item_id = ? ORDER BY part", (item_id,))

    # --- changing ---------------------------------------------------------------------------------------------------

    def tag(self, label: str) -> int:
        """The id of a tag, created if necessary; labels are lower-cased."""
        lowered = label.lower()
        found = self.db.row("SELECT id FROM tags WHERE label = ?", (lowered,))
        return int(found["id"]) if found else self.db.insert("tags", {"label": lowered})

    def set_profile(self, profile: Profile) -> None:
        """Add a quality profile or replace the one with its id."""
        self.profiles[profile.id] = profile
        self.recompute_cutoff()

    def set_format(self, format_id: int, *, name: str | None = None, specifications: list[Json] | None = None) -> None:
        """Change a custom format, or add one under a new id."""
        known = self.formats.setdefault(format_id, CustomFormat(format_id, name or f"Format {format_id}"))
        known.name = name or known.name
        if specifications is not None:
            known.specifications = specifications

    def set_season(self, series_id: int, number: int, *, monitored: bool) -> None:
        self.db.change("INSERT OR REPLACE INTO seasons VALUES (?, ?, ?)", (series_id, number, int(monitored)))

    def update_parent(self, parent_id: int, **columns: Any) -> None:
        """Change columns of a series, artist or author; what depends on them follows."""
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
        """Change columns of an episode, movie, album or book; what depends on them follows."""
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
        """Update the column that the cutoff list reads; format scores do not count.

        One poor file is enough: an album counts by any of its tracks.
        """
        floor = self._cutoff_first_season
        for profile in self.profiles.values():
            below = ",".join(str(quality) for quality in sorted(profile.below_cutoff())) or "-1"
            season = f" AND season >= {floor}" if floor is not None else ""
            rule = f"EXISTS (SELECT 1 FROM files f WHERE f.item_id = items.id AND f.quality_id IN ({below})){season}"
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
            raise KeyError(f"no owner {parent_id}")
        return row

    def item(self, item_id: int) -> Row:
        row = self.db.row("SELECT * FROM items WHERE id = ?", (item_id,))
        if row is None:
            raise KeyError(f"no item {item_id}")
        return row

    def profile_of(self, item: Row) -> Profile:
        profile_id = item["profile_id"] or self.parent(item["parent_id"])["profile_id"]
        return self.profiles[profile_id]

    def formats_of(self, file: Row) -> list[Json]:
        """The formats of a file that has a score."""
        first = next(iter(self.formats.values()), None)
        return [{"id": first.id, "name": first.name}] if file["score"] and first else []

    def search_times(self) -> dict[int, float | None]:
        """The last search of every item, whether the app reports it or not."""
        return {row["id"]: row["last_search_at"] for row in self.db.rows("SELECT id, last_search_at FROM items")}

    def missing_ids(self, *, monitored: bool = True) -> set[int]:
        """What wanted/missing holds now, by the data."""
        rows = self.db.rows(
            "SELECT id FROM items WHERE wanted = ? AND parts_had < parts AND due_at <= ?",
            (int(monitored), int(self.clock.timestamp())),
        )
        return {row["id"] for row in rows}

    def cutoff_ids(self, *, monitored: bool = True) -> set[int]:
        """What wanted/cutoff holds now, by the data."""
        rows = self.db.rows("SELECT id FROM items WHERE wanted = ? AND cutoff_unmet = 1", (int(monitored),))
        return {row["id"] for row in rows}

    # --- inside -----------------------------------------------------------------------------------------------------

    def _insert_item(self, columns: dict[str, Any], file: tuple[int | None, int] | None) -> int:
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
        return int(self.clock.timestamp()) - FAR_PAST if known is None else known
