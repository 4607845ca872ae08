"""The audit trail: who changed what, kept for a year."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.auth.callers import Caller
from app.auth.models import Audit
from app.auth.schemas import AuditAuth, AuditOut
from app.core.clock import Clock
from app.core.db import Database
from app.core.pagination import page_of
from app.core.retention import delete_in_batches
from app.core.schemas import Page

KEPT_FOR: Final = timedelta(days=365)
MAX_ROWS: Final = 100_000
MAX_SEARCHED: Final = 10_000
FAILURES: Final = frozenset({"login_failed", "confirmation_failed"})
"""What strangers can make: kept by number too, among themselves."""
SECURITY: Final = frozenset(
    {
        "create_owner",
        "login",
        "change_password",
        "reset_password",
        "set_up_two_factor",
        "enable_two_factor",
        "disable_two_factor",
        "create_api_key",
        "delete_api_key",
        "delete_session",
        "restore_backup",
    }
)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A change, or an attempt to log in. `target` holds ids and filters, `fields` names of fields; never secrets."""

    action: str
    address: str
    actor: str | None = None
    auth: AuditAuth | None = None
    key_id: int | None = None
    session_id: int | None = None
    target: dict[str, str] = field(default_factory=dict)
    fields: list[str] = field(default_factory=list)


def audit_entry(caller: Caller, action: str, address: str, **details: Any) -> AuditEntry:
    """The entry for an action of an authenticated caller."""
    return AuditEntry(
        action, address, caller.name, AuditAuth(caller.kind.value), caller.key_id, caller.session_id, **details
    )


class AuditTrail:
    """Writes and reads the audit trail."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def add(self, session: AsyncSession, entry: AuditEntry) -> None:
        """Add the entry within the unit of work of the change: both are committed or neither."""
        session.add(
            Audit(
                at=self._clock(),
                action=entry.action,
                actor=entry.actor,
                auth=entry.auth,
                key_id=entry.key_id,
                session_id=entry.session_id,
                address=entry.address[:64],
                target=entry.target,
                fields=entry.fields,
            )
        )

    async def record(self, entry: AuditEntry) -> None:
        """Add the entry in a unit of work of its own."""
        async with self._db.session() as session:
            self.add(session, entry)

    async def page(self, *, action: str | None, page: int, page_size: int) -> Page[AuditOut]:
        query = select(Audit).order_by(col(Audit.id).desc())
        if action is not None:
            query = query.where(Audit.action == action)
        async with self._db.reading() as session:
            rows, total = await page_of(session, query, page=page, page_size=page_size)
        items = [AuditOut.model_validate(row) for row in rows]
        return Page[AuditOut](items=items, total=total, page=page, page_size=page_size)

    async def addresses_of(self, action: str) -> set[str]:
        """The addresses that the newest entries of this action came from."""
        newest = select(Audit.address).where(Audit.action == action).order_by(col(Audit.id).desc()).limit(MAX_SEARCHED)
        async with self._db.reading() as session:
            return set((await session.exec(select(newest.subquery().c.address).distinct())).all())

    async def purge(self) -> int:
        """Delete entries older than a year, and too many of those that anybody can make; returns how many.

        Those of security go by age only: nobody can push them out by making others.
        """
        deleted = await delete_in_batches(self._db, Audit, col(Audit.at) < self._clock() - KEPT_FOR)
        action = col(Audit.action)
        for kind in (action.in_(FAILURES), action.not_in(SECURITY | FAILURES)):
            query = select(Audit.id).where(kind).order_by(col(Audit.id).desc()).offset(MAX_ROWS).limit(1)
            async with self._db.reading() as session:
                last = (await session.exec(query)).first()
            if last is not None:
                deleted += await delete_in_batches(self._db, Audit, kind, col(Audit.id) <= last)
        return deleted
