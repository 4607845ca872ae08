"""What must hold after any disaster: the promises of the API, the books, and what the apps really did."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlmodel import SQLModel, select

from app.core.db import Database
from app.counters.models import StatTotal
from app.events.models import Event
from app.hunting.store.models import OPEN, CapEntry, Hunt, Outcome, Search, Trigger
from app.notifications.models import Delivery, DeliveryStatus
from app.schedules.models import OPEN_RUNS, ScheduleRun
from tests.chaos.user import Leniency, Promises
from tests.simulator import SimApp
from tests.simulator.definitions import AppKind

UNSETTLED = (Outcome.SENDING.value, Outcome.PENDING.value)
BROKEN = (None, "An internal error ended the hunt; the log tells more.")
ENDS = ("hunt.completed", "hunt.failed")
T = TypeVar("T", bound=SQLModel)


class Books:
    """All rows that matter, as they are now."""

    def __init__(self, tables: Mapping[type[SQLModel], Sequence[Any]]) -> None:
        self._tables = tables

    @classmethod
    async def read(cls, db: Database) -> "Books":
        tables: dict[type[SQLModel], Sequence[Any]] = {}
        async with db.reading() as session:
            for table in (Hunt, Search, CapEntry, StatTotal, ScheduleRun, Event, Delivery):
                tables[table] = (await session.exec(select(table))).all()
        return cls(tables)

    def of(self, table: type[T]) -> Sequence[T]:
        return self._tables[table]

    def unrest(self) -> list[str]:
        """What is not at its end yet."""
        found = [f"hunt {one.id} is {one.status}" for one in self.of(Hunt) if one.status in OPEN]
        found += [f"search {one.id} is {one.outcome}" for one in self.of(Search) if one.outcome in UNSETTLED]
        found += [f"run {one.id} is {one.status}" for one in self.of(ScheduleRun) if one.status in OPEN_RUNS]
        found += [f"event {one.id} is not out" for one in self.of(Event) if None in (one.routed_at, one.published_at)]
        waiting = (DeliveryStatus.QUEUED, DeliveryStatus.COLLECTED)
        return found + [f"delivery {one.id} is {one.status}" for one in self.of(Delivery) if one.status in waiting]

    def unheard(self, heard: Collection[str]) -> list[str]:
        """Deliveries that count as done and never came to the receiver."""
        return [f"{one.message_id} was not heard" for one in self.of(Delivery) if one.message_id not in set(heard)]


def wrongs(
    books: Books, promises: Promises, apps: Mapping[AppKind, SimApp], batch: int, leniency: Leniency
) -> Iterator[str]:
    """Everything that is not as it must be."""
    yield from books.unrest()
    yield from _hunts(books, promises, batch, leniency)
    yield from _counters(books)
    yield from _schedules(books)
    yield from _events(books)
    for kind, app in apps.items():
        yield from app.crashes
        yield from _app(kind, app, [one for one in books.of(Search) if one.app_type == kind])


def _hunts(books: Books, promises: Promises, batch: int, leniency: Leniency) -> Iterator[str]:
    known = {one.id for one in books.of(Hunt)}
    yield from (f"hunt {one} was promised and is not there" for one in promises.hunts - known)
    for hunt in books.of(Hunt):
        sent = sum(one.hunt_id == hunt.id and one.command_id is not None for one in books.of(Search))
        if hunt.searched != sent:
            yield f"hunt {hunt.id} counts {hunt.searched} searches and has {sent}"
        if sum(one.hunt_id == hunt.id for one in books.of(Search)) > batch:
            yield f"hunt {hunt.id} searched more than its batch"
        if hunt.status == "failed" and not (leniency.hunts and hunt.reason != "gave_up" and hunt.message not in BROKEN):
            yield f"hunt {hunt.id} failed: {hunt.message}"


def _counters(books: Books) -> Iterator[str]:
    """Roll-ups and caps are written with their fact, so that they can never differ from it."""
    searches = books.of(Search)
    taken = [one for one in searches if one.command_id is not None]
    if len({(one.instance_id, one.command_id) for one in taken}) != len(taken):
        yield "a command belongs to two searches"
    if sum(one.hunted + one.upgraded for one in books.of(StatTotal)) != len(taken):
        yield "the totals do not count what was searched"
    refused = sum(one.command_id is None and one.outcome == Outcome.SEARCH_FAILED for one in searches)
    if len(books.of(CapEntry)) != len(searches) - refused:
        yield "the caps do not count what was searched"


def _schedules(books: Books) -> Iterator[str]:
    runs = books.of(ScheduleRun)
    moments = Counter((one.schedule_id, one.due_at) for one in runs)
    yield from (f"schedule {key[0]} ran {count} times at {key[1]}" for key, count in moments.items() if count > 1)
    yield from (f"run {one.id} failed: {one.message}" for one in runs if one.status == "failed")
    named = {hunt_id for run in runs for hunt_id in run.hunt_ids}
    for hunt in books.of(Hunt):
        if hunt.trigger == Trigger.SCHEDULE and hunt.id not in named:
            yield f"hunt {hunt.id} was made by no run that tells of it"


def _events(books: Books) -> Iterator[str]:
    """Every hunt that began told of its end once, and whoever is to be told was."""
    told = Counter(one.payload["hunt_id"] for one in books.of(Event) if one.name in ENDS)
    for hunt in books.of(Hunt):
        if hunt.status not in OPEN and told[hunt.id] != 1:
            yield f"the end of hunt {hunt.id} was told {told[hunt.id]} times"
    for delivery in books.of(Delivery):
        if delivery.status == DeliveryStatus.FAILED:
            yield f"delivery {delivery.id} was given up: {delivery.error}"
    routed = Counter(one.event_id for one in books.of(Delivery))
    yield from (f"event {key} was routed {count} times" for key, count in routed.items() if count > 1)


def _app(kind: str, app: SimApp, searches: Sequence[Search]) -> Iterator[str]:
    """Nothing twice; in order: what was searched, or lost, is the beginning of the list without a gap."""
    ids = [item_id for record in app.searcher.records for item_id in record.item_ids]
    counts = Counter(ids)
    if doubled := sorted(item_id for item_id, count in counts.items() if count > 1):
        yield f"{kind}: searched twice: {doubled}"
    commands = {record.command_id for record in app.searcher.records}
    ours = {one.command_id for one in searches if one.command_id is not None}
    lost = {one.item_id or 0 for one in searches if one.command_id is None}
    if strange := sorted(ours - commands):
        yield f"{kind}: counted as searched and was not: {strange}"
    unknown = {record.item_ids[0] for record in app.searcher.records if record.command_id not in ours}
    if unknown - lost:
        yield f"{kind}: searched and in no book: {sorted(unknown - lost)}"
    reached = {*ids, *lost}
    if reached != set(range(1, len(reached) + 1)):
        yield f"{kind}: not in order: {sorted(set(range(1, max(reached) + 1)) - reached)} were passed by"
