"""Item states as the API shows them: the status is `policy.status`, and SQL selects the rows that have it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import and_, case, col, false, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.models import HuntPass
from app.core.pagination import page_of
from app.core.schemas import Page
from app.hunting.schemas import StateOut
from app.hunting.selection import policy
from app.hunting.selection.policy import MAX_AHEAD, Candidate, Rules, StateStatus, still_counting, wait_after
from app.hunting.store.item_states import past_searches
from app.hunting.store.models import AppSnapshot, ItemState
from app.settings.hunting import HuntingSettings

MAX_STEPS = 200
"""Steps of the backoff that the SQL tells apart; from the last one on the cooldown grows no more."""

UNREAD = Candidate("", "", "", monitored=True)
"""An item that no hunt reads now."""
_SEARCHED_AT, _RESET_AT = col(ItemState.last_searched_at), col(ItemState.reset_at)


class ItemStatePages:
    """Pages of item states at one moment, under the settings of that moment."""

    def __init__(
        self, settings: Mapping[int, HuntingSettings], snapshots: Mapping[int, AppSnapshot], now: datetime
    ) -> None:
        self._rules = {
            (instance_id, hunt_pass.value): Rules.of(hunting, hunting.of(hunt_pass).cooldown_hours)
            for instance_id, hunting in settings.items()
            for hunt_pass in HuntPass
        }
        self._instance_ids = list(settings)
        self._snapshots = snapshots
        self._now = now

    async def read(
        self, session: AsyncSession, status: StateStatus | None, *, page: int, page_size: int
    ) -> Page[StateOut]:
        """Items that were searched, the latest search first."""
        query = select(ItemState).where(col(ItemState.instance_id).in_(self._instance_ids), _SEARCHED_AT.is_not(None))
        if status is not None:
            query = query.where(self._has(status))
        keys = (col(ItemState.instance_id), col(ItemState.media_key), col(ItemState.hunt_pass))
        rows, total = await page_of(session, query.order_by(_SEARCHED_AT.desc(), *keys), page=page, page_size=page_size)
        return Page[StateOut](items=[self._shown(row) for row in rows], total=total, page=page, page_size=page_size)

    def _shown(self, row: ItemState) -> StateOut:
        """What the row alone says; what changed in the item itself is only seen when a hunt reads it."""
        rules = self._rules[row.instance_id, row.hunt_pass]
        item = replace(UNREAD, tag_ids=frozenset(row.tag_ids or ()), quality_profile_id=row.profile_id)
        past = still_counting(past_searches(row, self._snapshots.get(row.instance_id)), item, rules, self._now)
        status, until = policy.status(item, rules, past, self._now)
        computed = {"status": status, "fruitless": past.failed_searches, "cooldown_until": until}
        return StateOut.model_validate({**row.model_dump(), **computed})

    def _has(self, status: StateStatus) -> ColumnElement[bool]:
        """Instances with the same rules, whose apps did not change, share their terms."""
        groups: dict[tuple[str, Rules, int], list[int]] = {}
        for (instance_id, hunt_pass), rules in self._rules.items():
            changed = instance_id if _invalidates(self._snapshots.get(instance_id)) else 0
            groups.setdefault((hunt_pass, rules, changed), []).append(instance_id)
        terms: list[ColumnElement[bool]] = [false()]
        for (hunt_pass, rules, changed), ids in groups.items():
            ours = and_(col(ItemState.instance_id).in_(ids), col(ItemState.hunt_pass) == hunt_pass)
            failed = _failed_searches(self._snapshots.get(changed))
            terms.append(and_(ours, _term(status, rules, failed, self._now)))
        return or_(*terms)


def _term(status: StateStatus, rules: Rules, failed: ColumnElement[int], now: datetime) -> ColumnElement[bool]:
    """The status of a row in SQL, by the cooldowns of the policy."""
    counts = and_(or_(_RESET_AT.is_(None), _SEARCHED_AT > _RESET_AT), now + MAX_AHEAD >= _SEARCHED_AT)
    parked = and_(counts, failed >= rules.park_after) if rules.park_after else false()
    if status is StateStatus.PARKED:
        return parked
    *steps, last = _waits(rules)
    waits = [and_(failed == step, now - wait < _SEARCHED_AT) for step, wait in enumerate(steps)]
    cooling = and_(counts, or_(*waits, and_(failed >= len(steps), now - last < _SEARCHED_AT)))
    return and_(cooling if status is StateStatus.COOLDOWN else ~cooling, ~parked)


def _waits(rules: Rules) -> list[timedelta]:
    """The cooldown after 0, 1, 2 … failed searches; the last one holds from there on."""
    waits = [wait_after(rules, 0)]
    while (longer := wait_after(rules, len(waits))) > waits[-1] and len(waits) < MAX_STEPS:
        waits.append(longer)
    return waits


def _invalidates(snapshot: AppSnapshot | None) -> bool:
    return snapshot is not None and (snapshot.woken_at is not None or bool(snapshot.profiles_woken))


def _failed_searches(snapshot: AppSnapshot | None) -> Any:
    """Failed searches that still count after the changes that were seen in the app."""
    changed: list[ColumnElement[bool]] = []
    if snapshot is not None and snapshot.woken_at is not None:
        changed.append(snapshot.woken_at >= _SEARCHED_AT)
    for profile_id, at in (snapshot.profiles_woken if snapshot is not None else {}).items():
        changed.append(and_(col(ItemState.profile_id) == int(profile_id), datetime.fromisoformat(at) >= _SEARCHED_AT))
    return case((or_(*changed), 0), else_=col(ItemState.fruitless)) if changed else col(ItemState.fruitless)
