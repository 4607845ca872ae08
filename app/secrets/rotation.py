"""`huntarr rotate-key`: encrypts every stored secret with another key."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from redis.exceptions import RedisError
from sqlalchemy import Column, MetaData, Table, Text, cast, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import JSON, String, TypeDecorator

from app.core import heartbeat
from app.core.clock import Clock, utc_now
from app.core.config import MIN_KEY_LENGTH, Config
from app.core.db import Database
from app.core.errors import StartFailed
from app.core.redis import make_redis, redis_settings
from app.secrets import keyfile
from app.secrets.box import ENCRYPTED_PREFIX, MIN_ENCRYPTED_LENGTH, Reencryptor, SecretBox
from app.secrets.startup import load_box, stored_probe


async def rotate(
    config: Config, metadata: MetaData, new_key: str | None, *, all_stopped: bool = False, clock: Clock = utc_now
) -> int:
    """Encrypt every secret in the tables of `metadata` with a new key, all or none; returns how many.

    `new_key` takes the place of HUNTARR_SECRET_KEY. Where a key file is used instead, a new one is created.
    """
    with keyfile.exclusive_lock(config.data_dir):
        if not all_stopped:
            await _require_stopped(config, clock)
        db = Database(config.database)
        try:
            if config.secret_key is None:
                return await _rotate_file(db, metadata, config, clock)
            return await _rotate_given(db, metadata, config, new_key or "", clock)
        finally:
            await db.close()


async def _rotate_file(db: Database, metadata: MetaData, config: Config, clock: Clock) -> int:
    """Prepare the new file, change the database, activate the file: at each moment one of the two keys fits."""
    path = config.data_dir / keyfile.KEY_FILE
    old = await load_box(db, config, clock)
    count = await reencrypt(db, metadata, old, SecretBox(keyfile.prepare(path)))
    keyfile.activate(path)
    return count


async def _rotate_given(db: Database, metadata: MetaData, config: Config, new_key: str, clock: Clock) -> int:
    if len(new_key) < MIN_KEY_LENGTH:
        raise StartFailed(f"The new key must have at least {MIN_KEY_LENGTH} characters.")
    new, probe = SecretBox(new_key), await stored_probe(db)
    if probe is not None and new.try_decrypt(probe) is not None:
        raise StartFailed("The database is encrypted with the new key already: set HUNTARR_SECRET_KEY to it and start.")
    return await reencrypt(db, metadata, await load_box(db, config, clock), new)


async def reencrypt(db: Database, metadata: MetaData, old: SecretBox, new: SecretBox) -> int:
    """Encrypt with `new`, in one transaction, every value in every table that `old` can decrypt; returns how many."""
    reencryptor = Reencryptor(old, new)
    columns = list(_columns(metadata))
    async with db.session() as session:
        connection = await session.connection()
        if db.is_sqlite:
            await connection.exec_driver_sql("PRAGMA secure_delete=ON")  # no old value in the file's free pages
        else:
            names = ", ".join(f'"{table.name}"' for table, _ in columns)
            await connection.exec_driver_sql(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE")
        for table, column in columns:
            async for key, value in _candidates(connection, table, column):
                changed = reencryptor.value(value)
                if changed != value:
                    await connection.execute(update(table).where(*key).values({column.name: changed}))
    return reencryptor.count


def _columns(metadata: MetaData) -> Iterator[tuple[Table, Column[Any]]]:
    """Every column that is wide enough for an encrypted value."""
    for table in metadata.sorted_tables:
        for column in table.columns:
            declared = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
            is_wide = isinstance(declared, String) and (declared.length or MIN_ENCRYPTED_LENGTH) >= MIN_ENCRYPTED_LENGTH
            if is_wide or isinstance(declared, JSON):
                yield table, column


async def _candidates(
    connection: AsyncConnection, table: Table, column: Column[Any]
) -> AsyncIterator[tuple[list[Any], Any]]:
    """Key and value of the rows that may hold an encrypted value, one at a time: a stored reply can be a megabyte."""
    keys = list(table.primary_key.columns)
    text = cast(column, Text)
    query = select(*keys).where(func.length(text) >= MIN_ENCRYPTED_LENGTH, text.like(f"%{ENCRYPTED_PREFIX}%"))
    for row in (await connection.execute(query)).all():
        key = [name == value for name, value in zip(keys, row, strict=True)]
        yield key, (await connection.execute(select(column).where(*key))).scalar_one()


async def _require_stopped(config: Config, clock: Clock) -> None:
    """Other machines share no data folder with this one, but Redis: ask there whether a process is alive."""
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
