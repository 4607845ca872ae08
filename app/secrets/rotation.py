"""`huntarr rotate-key`: everything that is sealed, sealed anew with another key."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from redis.exceptions import RedisError
from sqlalchemy import Column, Table, Text, cast, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import JSON, String, TypeDecorator

from app.core import heartbeat
from app.core.clock import Clock, utc_now
from app.core.config import MIN_KEY_LENGTH, Config
from app.core.db import Database
from app.core.errors import StartFailed
from app.core.redis import make_redis, redis_settings
from app.secrets import keyfile
from app.secrets.box import KEY_FILE, SecretBox
from app.secrets.startup import open_box, proof_in
from app.tables import METADATA

# How every value of `SecretBox.seal` begins and how short it can be at most (the Fernet specification).
MARK: Final = "gAAAAA"
MIN_LENGTH: Final = 100
TOKEN: Final = re.compile(rf"{MARK}[A-Za-z0-9_-]{{{MIN_LENGTH - len(MARK) - 2},}}={{0,2}}")


async def rotate(config: Config, new_key: str | None, *, all_stopped: bool = False, clock: Clock = utc_now) -> int:
    """Seal everything with a new key, in one transaction; how many values. The key file gets one made here."""
    with keyfile.exclusively(config.data_dir):
        if not all_stopped:
            await _insist_on_rest(config, clock)
        db = Database(config.database)
        try:
            if config.secret_key is None:
                return await _rotate_file(db, config, clock)
            return await _rotate_given(db, config, new_key or "", clock)
        finally:
            await db.close()


async def _rotate_file(db: Database, config: Config, clock: Clock) -> int:
    """Prepare the new file, change the database, exchange the files: at each point one of the two keys fits."""
    path = config.data_dir / KEY_FILE
    old = await open_box(db, config, clock)
    fresh = SecretBox(keyfile.prepare(path))
    count = await reseal(db, old, fresh)
    keyfile.exchange(path)
    return count


async def _rotate_given(db: Database, config: Config, new_key: str, clock: Clock) -> int:
    if len(new_key) < MIN_KEY_LENGTH:
        raise StartFailed(f"The new key must have at least {MIN_KEY_LENGTH} characters.")
    fresh, sealed = SecretBox(new_key), await proof_in(db)
    if sealed is not None and fresh.try_decrypt(sealed) is not None:
        raise StartFailed("The database is sealed with the new key already: set HUNTARR_SECRET_KEY to it and start.")
    return await reseal(db, await open_box(db, config, clock), fresh)


async def reseal(db: Database, old: SecretBox, new: SecretBox) -> int:
    """Seal anew, in one transaction, every value in every table that `old` opens; how many there were.

    Sealed values are known by what they are and not by a list of columns: a new table takes part by itself.
    """
    count = 0
    async with db.session() as session:
        connection = await session.connection()
        if db.is_sqlite:
            await connection.exec_driver_sql("PRAGMA secure_delete=ON")  # no old value in the file's free pages
        else:
            names = ", ".join(f'"{table.name}"' for table, _ in _places())
            await connection.exec_driver_sql(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE")
        for table, column in _places():
            async for key, value in _sealed_in(connection, table, column):
                changed, found = _resealed(value, old, new)
                if found:
                    await connection.execute(update(table).where(*key).values({column.name: changed}))
                count += found
    return count


def _places() -> Iterator[tuple[Table, Column[Any]]]:
    """Every column that is wide enough for a sealed value."""
    for table in METADATA.sorted_tables:
        for column in table.columns:
            kind = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
            is_text = isinstance(kind, String) and (kind.length or MIN_LENGTH) >= MIN_LENGTH
            if is_text or isinstance(kind, JSON):
                yield table, column


async def _sealed_in(
    connection: AsyncConnection, table: Table, column: Column[Any]
) -> AsyncIterator[tuple[list[Any], Any]]:
    """The rows that may hold one, one at a time: a kept reply can be a megabyte."""
    keys = list(table.primary_key.columns)
    text = cast(column, Text)
    query = select(*keys).where(func.length(text) >= MIN_LENGTH, text.like(f"%{MARK}%"))
    for row in (await connection.execute(query)).all():
        which = [key == value for key, value in zip(keys, row, strict=True)]
        yield which, (await connection.execute(select(column).where(*which))).scalar_one()


def _resealed(value: Any, old: SecretBox, new: SecretBox) -> tuple[Any, int]:
    """`value`, a text or JSON, with its sealed parts sealed anew; how many there were."""
    count = 0

    def exchanged(match: re.Match[str]) -> str:
        nonlocal count
        plain = old.try_decrypt(match[0])
        count += plain is not None
        return match[0] if plain is None else new.encrypt(plain)

    def walked(part: Any) -> Any:
        if isinstance(part, str):
            return TOKEN.sub(exchanged, part)
        if isinstance(part, dict):
            return {name: walked(inner) for name, inner in part.items()}
        return [walked(inner) for inner in part] if isinstance(part, list) else part

    return walked(value), count


async def _insist_on_rest(config: Config, clock: Clock) -> None:
    """Processes on other machines share no data folder with us, but Redis."""
    if config.redis_url is None:
        return
    redis = make_redis(redis_settings(config), connections=1)
    try:
        alive = [await heartbeat.count_alive(redis, clock(), kind) for kind in (heartbeat.GATEWAYS, heartbeat.WORKERS)]
    except (RedisError, OSError):
        raise StartFailed(
            "Redis does not answer, so nobody can tell whether Huntarr still runs elsewhere: "
            "stop it everywhere, then add --all-stopped."
        ) from None
    finally:
        await redis.aclose()
    if any(alive):
        raise StartFailed(
            f"Huntarr runs ({alive[0]} gateways, {alive[1]} workers): stop it everywhere first. One that was killed "
            f"counts for {heartbeat.COUNTS_FOR.seconds} seconds; --all-stopped does not wait for it."
        )
