"""Reads the one row of the owner."""

from sqlmodel.ext.asyncio.session import AsyncSession

from app.auth.models import OWNER_ID, User
from app.core.errors import NotFound

NO_OWNER = "There is no owner yet: open /setup in a browser, or set HUNTARR_ADMIN_USERNAME and HUNTARR_ADMIN_PASSWORD."


async def find_owner(session: AsyncSession) -> User | None:
    return await session.get(User, OWNER_ID)


async def locked_owner(session: AsyncSession) -> User:
    """The owner's row, locked until the end of the unit of work; `NotFound` when there is none."""
    user = await session.get(User, OWNER_ID, with_for_update=True, populate_existing=True)
    if user is None:
        raise NotFound(NO_OWNER)
    return user
