"""What all configured things have in common: they are asked for by their number, and each name is there once."""

from typing import TypeVar

from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.errors import Conflict, NotFound

T = TypeVar("T", bound=SQLModel)


async def require_row(session: AsyncSession, table: type[T], row_id: int, sentence: str, *, lock: bool = False) -> T:
    """The row; `NotFound` with the sentence when it is not there."""
    row = await session.get(table, row_id, with_for_update=True if lock else None)
    if row is None:
        raise NotFound(sentence)
    return row


async def flush_unique(session: AsyncSession, sentence: str) -> None:
    """Write what the session holds; `Conflict` with the sentence when a unique value is there already."""
    try:
        await session.flush()
    except IntegrityError as twice:
        raise Conflict(sentence) from twice
