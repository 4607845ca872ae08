"""Metrics from the database: the same at every gateway, read from roll-ups in a fixed number of statements."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from prometheus_client.core import Metric
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.models import AppType, HuntPass, Variant
from app.counters.models import StatHunt, StatPassTotal, StatTotal
from app.counters.rollup import HUNT_BOUNDS, HUNT_WITHIN, PASS_TOTALS
from app.events.models import Event
from app.hunting.store.cap_entries import used_by_instance
from app.hunting.store.caps import UsedUnits
from app.hunting.store.models import OPEN, HuntState, HuntStatus
from app.hunting.store.open_hunts import OpenHunts, open_hunts
from app.instances.models import Instance, InstanceState
from app.metrics import families
from app.prowlarr.known import KnownProwlarr, known_prowlarrs
from app.settings.hunting import one_setting
from app.settings.service import SettingsService
from app.swaparr.totals import SwaparrTotals, totals_by_policy

MAX_EVENTS: Final = 10_000
ENDS: Final = tuple(status.value for status in HuntStatus if status.value not in OPEN)

# Columns instead of ORM rows: five times as fast for a hundred instances.
_SEEN = ("online", "version", "variant", "failures", "checked_at")
_HUNTED = ("missing_total", "cutoff_total", "queue_total", "last_hunt_at", "next_hunt_at")
_INSTANCES: Any = (
    select(Instance.id, Instance.app_type, Instance.name, Instance.enabled)
    .add_columns(col(Instance.overrides), *(getattr(InstanceState, name) for name in _SEEN))
    .add_columns(col(HuntState.instance_id).is_not(None).label("hunts"))
    .add_columns(*(getattr(HuntState, name) for name in _HUNTED))
    .join(InstanceState)
    .outerjoin(HuntState)
    .order_by(col(Instance.id))
)
_PASSES: Any = select(StatPassTotal.instance_id, StatPassTotal.hunt_pass).add_columns(
    *(getattr(StatPassTotal, name) for name in PASS_TOTALS)
)
_ERRORS: Any = select(StatTotal.instance_id, StatTotal.errors)
_ENDED: Any = select(StatHunt.app_type, StatHunt.instance_id, StatHunt.status, StatHunt.hunts).add_columns(
    col(StatHunt.timed), col(StatHunt.seconds), *(getattr(StatHunt, name) for name in HUNT_WITHIN)
)
_FIRST_UNROUTED: Any = (
    select(Event.id, Event.created_at).where(col(Event.routed_at).is_(None)).order_by(col(Event.id)).limit(MAX_EVENTS)
).subquery()
_UNROUTED: Any = select(func.count(), func.min(_FIRST_UNROUTED.c.created_at)).select_from(_FIRST_UNROUTED)

Labels = tuple[str, str, str]


async def read_facts(
    session: AsyncSession, settings: SettingsService, now: datetime
) -> tuple[dict[int, Labels], list[Metric]]:
    """The labels of every instance by id, and the metrics of instances, hunts and events."""
    rows = (await session.exec(_INSTANCES)).all()
    labels = {row.id: (row.app_type, str(row.id), row.name) for row in rows}
    hunting = [row for row in rows if row.hunts]
    hunting_labels = {row.id: labels[row.id] for row in hunting}
    defaults = await settings.all_hunting_defaults(session)
    spent = await used_by_instance(session, now)
    errors = {row.instance_id: row.errors for row in (await session.exec(_ERRORS)).all()}
    ended = (await session.exec(_ENDED)).all()
    metrics = [
        *_instances(rows, labels),
        *_hunting(hunting, labels, errors),
        *_passes((await session.exec(_PASSES)).all(), hunting_labels),
        *_hunts(ended, hunting_labels),
        *_caps(hunting, labels, defaults, spent),
        *_indexers(await known_prowlarrs(session), labels, now),
        *_policies(await totals_by_policy(session), labels),
        *_waiting(await open_hunts(session), now),
        *_events((await session.exec(_UNROUTED)).one(), now),
        families.PAUSED.single((await settings.general_in(session)).hunting_paused),
    ]
    return labels, metrics


def _instances(rows: Sequence[Any], labels: Mapping[int, Labels]) -> Iterable[Metric]:
    yield families.ENABLED.of((labels[row.id], row.enabled) for row in rows)
    yield families.ONLINE.of((labels[row.id], row.online) for row in rows if row.online is not None)
    yield families.INFO.of(
        ((*labels[row.id], row.version, Variant(row.variant).label if row.variant else ""), 1)
        for row in rows
        if row.version is not None
    )
    yield families.FAILURES.of((labels[row.id], row.failures) for row in rows)
    yield families.CHECKED_AT.of((labels[row.id], row.checked_at.timestamp()) for row in rows if row.checked_at)


def _hunting(rows: Sequence[Any], labels: Mapping[int, Labels], errors: Mapping[int, int]) -> Iterable[Metric]:
    yield families.ERRORS.of((labels[row.id], errors.get(row.id, 0)) for row in rows)
    for family, name in ((families.MISSING, "missing"), (families.CUTOFF, "cutoff"), (families.DOWNLOADS, "queue")):
        known = [(labels[row.id], getattr(row, f"{name}_total")) for row in rows]
        yield family.of((key, number) for key, number in known if number is not None)
    yield families.LAST_HUNT_AT.of((labels[row.id], row.last_hunt_at.timestamp()) for row in rows if row.last_hunt_at)
    due = [row for row in rows if row.enabled and row.next_hunt_at]
    yield families.NEXT_HUNT_AT.of((labels[row.id], row.next_hunt_at.timestamp()) for row in due)


def _passes(rows: Sequence[Any], labels: Mapping[int, Labels]) -> Iterable[Metric]:
    """Every pass starts at 0: Prometheus ignores the first value of a series."""
    found = {(row.instance_id, row.hunt_pass): row for row in rows}
    keys = [(instance_id, hunt_pass.value) for instance_id in labels for hunt_pass in HuntPass]
    wanted = ((families.SEARCHES, "searches"), (families.GRABS, "grabbed"), (families.IMPORTS, "imported"))
    for family, name in wanted:
        yield family.of(((*labels[key[0]], key[1]), getattr(found.get(key), name, 0)) for key in keys)
    withdrawn = [(key, found[key].withdrawn) for key in keys if key in found and found[key].withdrawn]
    yield families.WITHDRAWN.of(((*labels[key[0]], key[1]), number) for key, number in withdrawn)


def _hunts(rows: Sequence[Any], labels: Mapping[int, Labels]) -> Iterable[Metric]:
    found = {(row.instance_id, row.status): row.hunts for row in rows}
    keys = [(instance_id, status) for instance_id in labels for status in ENDS]
    yield families.HUNTS.of(((*labels[key[0]], key[1]), found.get(key, 0)) for key in keys)
    sums: dict[tuple[str, str], list[float]] = {}
    for row in rows:  # deleted instances too: Prometheus takes a sum that falls for a restart
        numbers = [*(getattr(row, name) for name in HUNT_WITHIN), row.timed, row.seconds]
        before = sums.get((row.app_type, row.status), [0] * len(numbers))
        sums[row.app_type, row.status] = [a + b for a, b in zip(before, numbers, strict=True)]
    yield families.HUNT_SECONDS.histogram(
        HUNT_BOUNDS, ((key, [int(number) for number in numbers[:-1]], numbers[-1]) for key, numbers in sums.items())
    )


def _caps(
    rows: Sequence[Any],
    labels: Mapping[int, Labels],
    defaults: Mapping[AppType, Mapping[str, Any]],
    spent: Mapping[int, UsedUnits],
) -> Iterable[Metric]:
    found: list[tuple[tuple[str, ...], int, int]] = []
    for row in rows:
        layers, used = (defaults[AppType(row.app_type)], row.overrides), spent.get(row.id, UsedUnits())
        found.append(((*labels[row.id], "hour"), one_setting("hourly_cap", *layers), used.hour))
        found.append(((*labels[row.id], "day"), one_setting("daily_cap", *layers), used.day))
    yield families.CAP_LIMIT.of((key, cap) for key, cap, _ in found)
    yield families.CAP_USED.of((key, used) for key, _, used in found)
    yield families.CAP_LEFT.of((key, max(0, cap - used)) for key, cap, used in found if cap)


def _policies(totals: Mapping[int, SwaparrTotals], labels: Mapping[int, Labels]) -> Iterable[Metric]:
    yield families.SWAPARR_TRACKED.of((labels[policy], each.tracked) for policy, each in totals.items())
    yield families.SWAPARR_STRIKES.of((labels[policy], each.strikes) for policy, each in totals.items())
    yield families.SWAPARR_REMOVED.of((labels[policy], each.removed) for policy, each in totals.items())


def _indexers(prowlarrs: Iterable[KnownProwlarr], labels: Mapping[int, Labels], now: datetime) -> Iterable[Metric]:
    """The enabled indexers of every Prowlarr whose figures are young enough."""
    budgets = {
        (*labels[each.instance_id], f"{indexer.name} ({indexer.indexer_id})"): indexer
        for each in prowlarrs
        if each.figures is not None and each.is_fresh(now)
        for indexer in (stored.budget() for stored in each.figures.indexers)
        if indexer.enabled
    }
    yield families.INDEXER_LIMIT.of((key, each.query_limit) for key, each in budgets.items() if each.query_limit)
    yield families.INDEXER_QUERIES.of((key, each.queries) for key, each in budgets.items())
    yield families.INDEXER_UP.of(
        (key, each.disabled_until is None or each.disabled_until <= now) for key, each in budgets.items()
    )


def _waiting(hunts: Mapping[str, OpenHunts], now: datetime) -> Iterable[Metric]:
    yield families.OPEN_HUNTS.of(((status,), found.number) for status, found in hunts.items())
    yield families.OLDEST_HUNT.of(((status,), age(found.oldest_at, now)) for status, found in hunts.items())


def _events(row: Any, now: datetime) -> Iterable[Metric]:
    yield families.UNROUTED.single(row[0])
    yield families.OLDEST_EVENT.single(age(row[1], now))


def age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
