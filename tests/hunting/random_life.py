"""Random hunts of one instance: random libraries, settings, clocks and faults, and at the end a check of all tables.

The tables must agree with what the simulated app really did.
"""

import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col, select

from app.arr.http import ArrHttp
from app.arr.models import AppType
from app.counters.models import StatPass, StatTotal
from app.hunting.running.timing import Timing
from app.hunting.schemas import HuntIn
from app.hunting.services import HuntingServices
from app.hunting.store.models import OPEN, CapEntry, Hunt, HuntState, HuntStatus, Outcome, Search
from app.hunting.store.outcomes import LOST_AFTER
from app.instances.schemas import InstanceOut, InstancePatch
from app.settings.hunting import HuntingIn
from tests.simulator import LibrarySpec, SimApp
from tests.simulator.definitions import AppKind
from tests.simulator.searching import SearchRecord
from tests.support.rig import Rig

COOLDOWN = timedelta(hours=24)
HOURLY_CAP = 30
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 503},
    {"kind": "status", "status": 502, "body": "<html>"},
    {"kind": "status", "status": 429, "retry_after": 60},
    {"kind": "starting"},
    {"kind": "cut_before_headers"},
    {"kind": "drop_reply"},
    {"kind": "cut_in_body"},
    {"kind": "html"},
    {"kind": "html", "execute": True},
    {"kind": "broken_json"},
    {"kind": "wrong_type"},
    {"kind": "empty_body"},
    {"kind": "redirect_loop"},
)


@dataclass
class Life:
    """One simulated app, hunted by services that wait by the clock of the test."""

    rig: Rig
    app: SimApp
    instance: InstanceOut
    hunting: HuntingServices
    rng: random.Random
    statuses: Counter[str] = field(default_factory=Counter)

    async def hunt(self, *, share_of_faults: float) -> None:
        """Something changes, answers may be faulty, and a hunt runs; then the follow-ups that are due."""
        rng = self.rng
        if rng.random() < 0.3:
            await self._change_settings()
        if rng.random() < 0.2:
            self._somebody_grabs()
        self.app.faults.clear()
        if rng.random() < 0.6:
            for fault in rng.sample(FAULTS, 3):
                self.app.faults.add(share=share_of_faults / 3, **fault)
        passes = rng.choice([None, None, ["missing"], ["cutoff"], ["upgrade"], ["missing", "upgrade"]])
        given: dict[str, Any] = {"limit": rng.randint(1, 10)} if rng.random() < 0.2 else {}
        body = HuntIn(instance_id=self.instance.id, passes=passes, **given)
        [hunt] = await self.rig.container.hunting.service.start(body)
        await self.hunting.runner.run(hunt.id)
        ended = await self.rig.container.hunting.service.get(hunt.id)
        self.statuses[ended.status] += 1
        assert ended.status not in OPEN, (ended.status, ended.message)
        assert "internal error" not in (ended.message or ""), ended.message
        await self.pass_time(timedelta(minutes=rng.choice([1, 7, 30, 120, 700])))

    async def pass_time(self, span: timedelta) -> None:
        """Let the clock run, with a follow-up as often as one is due (at most five)."""
        end = self.rig.clock.now + span
        for _ in range(5):
            due = await self._follow_up_at()
            if due is None or due > end:
                break
            self.rig.clock.now = max(self.rig.clock.now, due)
            await self.hunting.follow_up.run(self.instance.id)
        self.rig.clock.now = max(self.rig.clock.now, end)

    async def settle(self) -> None:
        """No more faults: everything comes to its end within a week."""
        self.app.faults.clear()
        for _ in range(6):
            self.rig.clock.forward(minutes=20)
            await self.hunting.follow_up.run(self.instance.id)
        self.rig.clock.now += LOST_AFTER
        await self.hunting.follow_up.run(self.instance.id)

    async def check(self) -> Counter[str]:
        """Compare the tables with what the app did; returns how many searches had which outcome."""
        assert not self.app.crashes, self.app.crashes[0]
        async with self.rig.container.infra.db.reading() as session:
            hunts = (await session.exec(select(Hunt))).all()
            searches = (await session.exec(select(Search).order_by(col(Search.id)))).all()
            caps = (await session.exec(select(CapEntry))).all()
            totals = (await session.exec(select(StatTotal))).all()
            passes = (await session.exec(select(StatPass))).all()
        assert [hunt.status for hunt in hunts if hunt.status in OPEN] == []
        ours = {record.command_id: record for record in self._records_by_command()}
        taken = {one.command_id: one for one in searches if one.command_id is not None}
        ambiguous = [one for one in searches if one.command_id is None and one.outcome == Outcome.UNKNOWN]
        assert len(taken) == sum(one.command_id is not None for one in searches), "a command belongs to two searches"
        assert len(ours.keys() - taken.keys()) <= len(ambiguous), "the app searched what no row knows of"
        for command_id, row in taken.items():
            self._check_outcome(row, ours.get(command_id))
        for hunt in hunts:
            assert hunt.searched == sum(one.hunt_id == hunt.id for one in taken.values()), hunt.id
        assert sum(total.hunted + total.upgraded for total in totals) == len(taken)
        assert sum(one.searches for one in passes) == len(taken)
        imported = sum(one.outcome == Outcome.IMPORTED for one in searches)
        assert sum(one.imported for one in passes) == sum(total.imported for total in totals) == imported
        self._check_cooldowns()
        _check_caps([(one.reserved_at, one.units) for one in caps])
        return Counter(one.outcome for one in searches)

    def _check_outcome(self, row: Search, record: SearchRecord | None) -> None:
        outcome, facts = Outcome(row.outcome), (row.media_key, row.outcome, row.message)
        if record is None:
            # The command failed in the app, or nothing of it was left to search.
            assert outcome in (Outcome.SEARCH_FAILED, Outcome.NOTHING_FOUND, Outcome.UNKNOWN), facts
            return
        ends = self._ends_of(record)
        if not ends:
            assert outcome in (Outcome.NOTHING_FOUND, Outcome.UNKNOWN, Outcome.SEARCH_FAILED), facts
        elif "imported" in ends:
            assert outcome is Outcome.IMPORTED, (facts, ends)
            assert row.release_title
            assert row.indexer
            assert row.quality_after
        else:
            assert outcome in (Outcome.IMPORT_FAILED, Outcome.LOST), (facts, ends)

    def _records_by_command(self) -> list[SearchRecord]:
        """The searches that commands of ours led to; one command may search many items."""
        found: dict[int, SearchRecord] = {}
        for record in self.app.searcher.records:
            if record.trigger == "manual":
                found.setdefault(record.command_id, record)
        return list(found.values())

    def _ends_of(self, first: SearchRecord) -> set[str]:
        """What came of every download that the command of this search led to, by the app's own history."""
        items = {
            (item_id, int(record.at))
            for record in self.app.searcher.records
            if record.command_id == first.command_id
            for item_id in record.item_ids
        }
        grabbed = self.app.definition.event_number("grabbed")
        rows = self.app.db.rows("SELECT * FROM history ORDER BY id")
        downloads = {
            row["download_id"]
            for row in rows
            if row["event"] == grabbed and (row["item_id"], row["date_at"]) in items and "UserInvoked" in row["data"]
        }
        imports = {row["download_id"] for row in rows if "mported" in self.app.definition.history.events[row["event"]]}
        return {"imported" if one in imports else "stuck" for one in downloads}

    def _check_cooldowns(self) -> None:
        """Nothing is searched twice within the shortest cooldown that these tests know."""
        last: dict[int, float] = {}
        for record in sorted(self.app.searcher.records, key=lambda one: one.at):
            if record.trigger != "manual":
                continue
            for item_id in record.item_ids:
                before = last.get(item_id)
                # The app searches up to a command's length after we reserved; ours is the time that counts.
                slack = 600
                assert before is None or record.at - before >= COOLDOWN.total_seconds() - slack, (item_id, record)
                last[item_id] = record.at

    async def _change_settings(self) -> None:
        rng = self.rng
        hunting: dict[str, Any] = {
            "missing_batch": rng.randint(0, 5),
            "cutoff_batch": rng.randint(0, 3),
            "upgrade_batch": rng.randint(0, 3),
            "order": rng.choice(["longest_unsearched", "newest", "oldest", "random"]),
            "missing_mode": rng.choice(self.modes),
            "cutoff_mode": rng.choice(self.modes),
            "skip_queued": rng.random() < 0.8,
            "park_after": rng.choice([0, 0, 2]),
            "backoff_factor": rng.choice([1, 2]),
            "tag_searched": rng.choice([None, "hunted"]),
            "exclude_tags": rng.choice([[], [], ["keep"]]),
            "include_specials": rng.random() < 0.3,
            "season_threshold": rng.choice([0.1, 0.5, 1.0]),
        }
        await self.rig.container.instances.update(
            AppType(self.app.definition.app_type), self.instance.id, InstancePatch(hunting=HuntingIn(**hunting))
        )

    @property
    def modes(self) -> list[str]:
        definition = self.app.definition
        wholes = [definition.owner] if definition.owner else []
        return ["auto", "auto", definition.item, *wholes, *(["season"] if definition.item == "episode" else [])]

    def _somebody_grabs(self) -> None:
        missing = sorted(self.app.library.missing_ids())
        with suppress(IndexError, ValueError):  # nothing is missing, or no release is better than what is there
            self.app.rss_grab(self.rng.choice(missing), outcome=self.rng.choice(["import", "import_failed"]))

    async def _follow_up_at(self) -> datetime | None:
        async with self.rig.container.infra.db.reading() as session:
            state = await session.get_one(HuntState, self.instance.id)
        return state.follow_up_at


def _check_caps(entries: list[tuple[datetime, int]]) -> None:
    """In no 60 minutes more than the cap; old entries may be gone, which only makes it easier."""
    entries.sort()
    for at, _ in entries:
        used = sum(units for other, units in entries if at - timedelta(hours=1) < other <= at)
        assert used <= HOURLY_CAP, (at, used)


@asynccontextmanager
async def live(rig: Rig, kind: AppKind, seed: int) -> AsyncIterator[Life]:
    """A new instance with random content; the same seed gives the same hunts."""
    rng = random.Random(f"{kind}/{seed}")
    library = LibrarySpec(
        series=rng.randint(3, 25),
        movies=rng.randint(20, 150),
        missing_share=rng.uniform(0.1, 0.8),
        cutoff_share=rng.uniform(0, 0.3),
        searched_share=rng.random(),
        tagged_share=rng.random(),
    )
    app = rig.simulated(
        kind,
        library,
        seed=seed,
        grab_share=0.5,
        import_share=0.7,
        download_fail_share=0.1,
        auto_redownload_failed=False,
        command_seconds=rng.choice([0.5, 5.0, 30.0]),
        database=rng.choice(["sqLite", "postgreSQL"]),
    )
    hours = int(COOLDOWN.total_seconds() // 3600)
    instance = await rig.add(
        app,
        hourly_cap=HOURLY_CAP,
        min_gap_seconds=1,
        missing_batch=3,
        cutoff_batch=2,
        upgrade_batch=2,
        missing_cooldown_hours=hours,
        cutoff_cooldown_hours=hours,
        upgrade_cooldown_hours=hours,
        release_grace_hours=0,
        added_grace_hours=0,
    )
    own = rig.container
    timing = Timing(sleep=rig.clock.sleep, monotonic=rig.clock.monotonic, polls=(1, 2, 4, 8, 15), push=None)
    async with ArrHttp("test", sleep=rig.clock.sleep, clock=rig.clock) as http:
        infra = replace(own.infra, http=http)
        hunting = HuntingServices.build(infra, own.settings, own.instances, own.events.bus, timing=timing)
        yield Life(rig, app, instance, hunting, rng)


async def lead_a_life(rig: Rig, kind: AppKind, seed: int, hunts: int, *, share_of_faults: float = 0.3) -> Counter[str]:
    """Run so many hunts, settle, and check; returns how hunts and searches ended."""
    async with live(rig, kind, seed) as life:
        for _ in range(hunts):
            await life.hunt(share_of_faults=share_of_faults)
        await life.settle()
        outcomes = await life.check()
        assert life.statuses[HuntStatus.COMPLETED] or life.statuses[HuntStatus.PARTIAL]
        return life.statuses + outcomes
