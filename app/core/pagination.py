"""One page of a query, and how many rows the query finds in all."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlmodel import func
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

T = TypeVar("T")

MAX_SKIPPED_ROWS = 10_000
"""A page beyond so many rows is a heavy read: the database goes through all of them."""


def is_deep(page: int, page_size: int) -> bool:
    """Whether a page is far from the first one."""
    return (page - 1) * page_size > MAX_SKIPPED_ROWS


async def page_of(
    session: AsyncSession, query: SelectOfScalar[T], *, page: int, page_size: int
) -> tuple[Sequence[T], int]:
    """The rows of page number `page`, from 1, and the total of all pages."""
    rows = (await session.exec(query.offset((page - 1) * page_size).limit(page_size))).all()
    count: Any = query.with_only_columns(func.count(), maintain_column_froms=True).order_by(None)
    return rows, (await session.exec(count)).one()
