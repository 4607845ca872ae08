"""Search commands: mark items as searched, and grab releases by a seeded policy."""

# ruff: noqa: S608 - SQL fragments are this module's own; values are always bound

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from sqlite3 import Row
from typing import TYPE_CHECKING, Any, Literal

from tests.simulator.commands import Command, CommandFailed
from tests.simulator.living import Life
from tests.simulator.messages import Json, stamp

if TYPE_CHECKING:
    from tests.simulator.application import SimApp
    from tests.simulator.downloads import Download

Outcome = Literal["grab", "nothing", "fail", "import", "import_failed", "download_failed"]
Unit = Literal["episode", "season", "movie", "album", "artist", "book", "author"]


@dataclass(frozen=True, slots=True)
class SearchRecord:
    """One search that the app carried out, for tests to compare with."""

    at: float
    command_id: int
    command_name: str
    trigger: str
    unit: str
    item_ids: tuple[int, ...]
    parent_id: int | None
    season: int | None
    indexers: int
    grabbed: int

    def as_json(self) -> Json:
        return {
            "time": stamp(self.at),
            "at": self.at,
            "commandId": self.command_id,
            "commandName": self.command_name,
            "trigger": self.trigger,
            "unit": self.unit,
            "itemIds": list(self.item_ids),
            "parentId": self.parent_id,
            "seasonNumber": self.season,
            "indexers": self.indexers,
            "grabbed": self.grabbed,
        }


class Searcher:
    """Runs searches; `force` sets the outcome of the next search of an item."""

    def __init__(self, app: "SimApp") -> None:
        self._app = app
        self.records: list[SearchRecord] = []
        self._forced: dict[int, Outcome] = {}
        self._attempts: dict[int, int] = {}
        self.next_download_ids: list[str] = []
        """Ids of the next downloads: the same release may be grabbed again."""
        self.life_of: Callable[[Sequence[Row]], Life] | None = None
        """Gives a grab of these items its life; without it a download follows the settings."""

    def force(self, item_id: int, outcome: Outcome) -> None:
        """`grab` follows the import shares; `import`, `import_failed` and `download_failed` grab and then do that."""
        self._forced[item_id] = outcome

    def search(self, unit: Unit, items: Sequence[Row], command: Command, now: float) -> int:
        """Search a unit once; returns the number of reports downloaded."""
        if not items:
            return 0
        app, ids = self._app, [row["id"] for row in items]
        forced = next((self._forced.pop(item_id) for item_id in ids if item_id in self._forced), None)
        if forced == "fail":
            raise CommandFailed("NzbDrone.Core.Indexers.Exceptions.SimulatedException: Search failed")
        grabbed, indexers = 0, app.indexers.searching
        if indexers > 0:
            # Without an enabled indexer the search completes, but nothing is marked.
            moment = [(int(now), item_id) for item_id in ids]
            app.db.change_many("UPDATE items SET last_search_at = ? WHERE id = ?", moment, moves_totals=False)
            source = "UserInvokedSearch" if command.trigger == "manual" else "Search"
            grabbed = self._grab(unit, items, now, forced, source)
            # A second query after an empty answer, and for a season always (measured).
            app.indexers.ask(1 if grabbed and unit != "season" else 2)
        first = items[0]
        season = first["season"] if app.definition.seasons else None
        self.records.append(
            SearchRecord(
                now,
                command.id,
                command.kind.name,
                command.trigger,
                unit,
                tuple(ids),
                first["parent_id"],
                season,
                indexers,
                grabbed,
            )
        )
        return grabbed

    def wanted(
        self, kind: Literal["missing", "cutoff"], monitored: bool, now: float, parent_id: int | None
    ) -> list[Row]:
        """The same set as the wanted list, minus what already is in the queue."""
        rule, parameters = self._app.wanted_rule(kind, monitored, now)
        if parent_id is not None:
            rule, parameters = f"{rule} AND i.parent_id = ?", [*parameters, parent_id]
        queued = self._app.downloads.queued_items()
        return [
            row for row in self._app.db.rows(f"SELECT i.* FROM items i {rule}", parameters) if row["id"] not in queued
        ]

    def grab_from_feed(self, item_ids: Sequence[int], outcome: Outcome, now: float) -> "Download":
        """Grab a release as an RSS sync does, with or without a search."""
        items = [self._app.library.item(item_id) for item_id in item_ids]
        rng = random.Random(f"{self._app.settings.seed}/rss/{item_ids[0]}/{now}")
        quality = self._quality_for(items[0], rng)
        if quality is None:
            raise ValueError(f"no release is better than what item {item_ids[0]} has")
        return self._start(items, quality, now, rng, outcome, "Rss")

    def _grab(self, unit: str, items: Sequence[Row], now: float, forced: Outcome | None, source: str) -> int:
        ids = [row["id"] for row in items]
        attempt = self._attempts[ids[0]] = self._attempts.get(ids[0], 0) + 1
        # One generator per search, so that the order in which parallel commands end does not change an outcome.
        rng = random.Random(f"{self._app.settings.seed}/{unit}/{ids[0]}/{attempt}")
        draw = rng.random() < self._app.settings.grab_share
        if forced == "nothing" or (forced is None and not draw):
            return 0
        queued = self._app.downloads.queued_items()
        open_items = [row for row in items if row["id"] not in queued and self._quality_for(row, rng) is not None]
        if not open_items:
            return 0
        if len(open_items) > 1 and (forced or rng.random() < self._app.settings.season_pack_share):
            self._try(open_items, now, rng, forced, source)
            return 1
        chosen = open_items if len(open_items) == 1 else rng.sample(open_items, rng.randint(1, len(open_items)))
        for row in chosen:
            self._try([row], now, rng, forced, source)
        return len(chosen)

    def _try(self, items: Sequence[Row], now: float, rng: random.Random, forced: Outcome | None, source: str) -> None:
        quality = self._quality_for(items[0], rng)
        if quality is not None:
            self._start(items, quality, now, rng, forced, source)

    def _quality_for(self, item: Row, rng: random.Random) -> tuple[int, int] | None:
        """A quality and a format score that the app would take for this item, or None if nothing can be better."""
        profile = self._app.library.profile_of(item)
        allowed = profile.allowed_qualities()
        score = max(profile.cutoff_format_score, profile.min_format_score)
        if item["parts_had"] < item["parts"]:
            return rng.choice(allowed), rng.choice((0, score))
        worst = "SELECT quality_id, min(score) AS score FROM files WHERE item_id = ?"
        file = self._app.db.row(worst, (item["id"],))
        if file is None or not (profile.upgrade_allowed or item["cutoff_unmet"]):
            return None
        if item["cutoff_unmet"]:
            below = profile.below_cutoff()
            good = [quality for quality in allowed if quality not in below]
            return (rng.choice(good or allowed[-1:]), score) if good or allowed else None
        return (file["quality_id"], score) if file["score"] < profile.cutoff_format_score else None

    def _start(
        self,
        items: Sequence[Row],
        quality: tuple[int, int],
        now: float,
        rng: random.Random,
        forced: Outcome | None,
        source: str,
    ) -> "Download":
        settings = self._app.settings
        usenet = rng.random() < settings.usenet_share
        plan = forced if forced in ("import", "import_failed", "download_failed") else self._plan(rng)
        length = settings.download_seconds * rng.uniform(0.5, 1.5)
        fields: dict[str, Any] = {"protocol": "usenet", "client": "SABnzbd"} if usenet else {}
        name = self._app.downloads.release_title(items[0], quality[0])
        return self._app.downloads.add(
            [row["id"] for row in items],
            title=name if len(items) == 1 else f"{name}.Pack",
            grabbed=True,
            source=source,
            quality_id=quality[0],
            score=quality[1],
            size=rng.randint(400, 4_000) * 1_000_000 * len(items),
            added_at=now,
            download_id=self.next_download_ids.pop(0) if self.next_download_ids else None,
            plan=plan,
            finish_at=now + length,
            settle_at=now + length * (0.5 if plan == "download_failed" else 1) + settings.import_seconds,
            life=None if self.life_of is None else self.life_of(items),
            **fields,
        )

    def _plan(self, rng: random.Random) -> str:
        settings, draw = self._app.settings, rng.random()
        if draw < settings.download_fail_share:
            return "download_failed"
        return "import" if rng.random() < settings.import_share else "import_failed"
