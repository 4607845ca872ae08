"""The record of a pass of a hunt."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert
from sqlmodel import col, delete
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.models import HuntPass
from app.core.db import Database, upsert
from app.hunting.selection.paging import Cursor
from app.hunting.selection.selector import Evaluated, shown_singly
from app.hunting.store.lease import HuntLease, fenced
from app.hunting.store.models import Hunt, Skip, WalkCursor


@dataclass(frozen=True, slots=True)
class ListLength:
    """How long a list of the app was, and when."""

    total: int
    unseen: int
    """Items that the hunt did not look at."""
    at: datetime


class PassStore:
    """Writes what a pass came to."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def end(
        self,
        lease: HuntLease,
        hunt_pass: HuntPass,
        evaluated: Sequence[Evaluated],
        cursor: Cursor | None,
        read: ListLength,
    ) -> None:
        """Record why items were passed over, where the next hunt goes on (`None`: where this one began), and the
        length of the list. A second attempt of the same pass replaces the record of the first."""
        async with fenced(self._db, lease) as (session, hunt_state):
            if hunt_pass is HuntPass.MISSING:
                hunt_state.missing_total, hunt_state.missing_total_at = read.total, read.at
            elif hunt_pass is HuntPass.CUTOFF:
                hunt_state.cutoff_total, hunt_state.cutoff_total_at = read.total, read.at
            hunt = await session.get_one(Hunt, lease.hunt_id)
            counts = Counter(item.decision.reason.value for item in evaluated)
            hunt.skipped = {**hunt.skipped, hunt_pass.value: dict(counts)}
            hunt.unseen = {**hunt.unseen, hunt_pass.value: read.unseen}
            if cursor is not None:
                row = {"instance_id": lease.instance_id, "hunt_pass": hunt_pass.value}
                values = {**row, "offset": cursor.offset, "total": cursor.total, "unused": [*cursor.unused]}
                await upsert(session, WalkCursor, [values], key=list(row), replace=["offset", "total", "unused"])
            await _replace_skips(session, lease.hunt_id, hunt_pass, evaluated)


async def _replace_skips(
    session: AsyncSession, hunt_id: int, hunt_pass: HuntPass, evaluated: Sequence[Evaluated]
) -> None:
    await session.exec(delete(Skip).where(col(Skip.hunt_id) == hunt_id, col(Skip.hunt_pass) == hunt_pass.value))
    rows = [
        {
            "hunt_id": hunt_id,
            "hunt_pass": hunt_pass.value,
            "media_key": item.candidate.key,
            "unit": item.candidate.unit,
            "title": item.candidate.title[:400],
            "reason": item.decision.reason.value,
            "until": item.decision.until,
        }
        for item in shown_singly(evaluated)
    ]
    if rows:  # in one call and not as objects, which SQLite is given one by one
        await (await session.connection()).execute(insert(Skip), rows)
