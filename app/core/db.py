"""The database: engines, units of work, column types, and the few places where SQLite and PostgreSQL differ."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from typing import Any

from sqlalchemy import DateTime, Dialect, TypeDecorator, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.bells import Bells, rings_of
from app.core.errors import Unavailable
from app.core.heavy_reads import HeavyReads
from app.core.sqlite import Connections
from app.core.urls import engine_arguments

BUSY_TIMEOUT_SECONDS = 5
CACHE_KIB = 4000
"""Page cache of each of the five SQLite connections. Small: each one fills its own, and the system caches the file."""
POOL_WAIT_SECONDS = 60
"""How long a unit of work waits for a connection: two hundred hunts share a few. A database that is lost is noticed
earlier, by the limits of connecting and of a statement."""
SQLITE_READERS = 4
ONE_STATEMENT = "huntarr_one_statement"
"""Execution option of a connection that needs no transaction."""
COMMAND_SECONDS = 30
CONNECT_SECONDS = 5
POSTGRES_POOL = 10
TRANSIENT_SQLSTATES = ("08", "25006", "40", "53", "57", "58")
"""Beginnings of SQLSTATEs that are not the fault of the statement: connection, read-only server, deadlock, resources,
shutdown, system."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time on both databases: SQLite drops the zone, so it is put back. A naive time is an error."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive time reached the database")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return value


class Database:
    """The engines of one process. SQLite gets one connection that writes, as it has one writer, and a few that read."""

    def __init__(
        self,
        url: str,
        *,
        bells: Bells | None = None,
        command_seconds: float = COMMAND_SECONDS,
        connect_seconds: float = CONNECT_SECONDS,
    ) -> None:
        self.url = url
        self.bells = bells or Bells()
        self.is_sqlite = url.startswith("sqlite")
        self._connections = Connections()
        self._heavy = HeavyReads()
        if self.is_sqlite:
            self._writer = _sqlite_engine(url, self._connections, write=True)
            self._reader = _sqlite_engine(url, self._connections, write=False)
            self._glancing = self._reader.execution_options(**{ONE_STATEMENT: True})
        else:
            address, arguments = engine_arguments(url)
            self._writer = self._reader = self._glancing = create_async_engine(
                address,
                pool_size=POSTGRES_POOL,
                max_overflow=POSTGRES_POOL,
                pool_timeout=POOL_WAIT_SECONDS,
                pool_pre_ping=True,
                hide_parameters=True,  # stored values must not appear in errors
                connect_args={"timeout": connect_seconds, "command_timeout": command_seconds, **arguments},
            )

    @property
    def engines(self) -> tuple[AsyncEngine, ...]:
        return (self._writer, self._reader) if self.is_sqlite else (self._writer,)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """One unit of work: committed at the end of the block, rolled back on any exception."""
        async with _our_errors(), AsyncSession(self._writer, expire_on_commit=False) as session:
            async with session.begin():
                yield session
            self.bells.ring(rings_of(session))

    @asynccontextmanager
    async def reading(self, *, is_heavy: bool = False) -> AsyncIterator[AsyncSession]:
        """A consistent view that cannot write; it never waits for a writer.

        `is_heavy`: it looks through many rows, and waits for its turn before it takes a connection.
        """
        async with (
            self._heavy.turn() if is_heavy else nullcontext(),
            _our_errors(),
            AsyncSession(self._reader, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[AsyncSession]:
        """`reading` for one statement, which needs no transaction: half the work on SQLite."""
        async with _our_errors(), AsyncSession(self._glancing, expire_on_commit=False) as session, session.begin():
            yield session

    async def close(self) -> None:
        for engine in self.engines:
            await engine.dispose()
        await self._connections.wait_closed()


@asynccontextmanager
async def _our_errors() -> AsyncIterator[None]:
    """Turns the driver's errors of a lost, locked or full database into `Unavailable`."""
    try:
        yield
    except IntegrityError:
        raise
    except (OperationalError, InterfaceError, PoolTimeoutError, OSError) as failure:
        raise Unavailable("The database is not available: it is locked, full or unreachable.") from failure
    except DBAPIError as failure:
        if failure.connection_invalidated:
            raise Unavailable("The database closed the connection.") from failure
        if str(getattr(failure.orig, "sqlstate", "")).startswith(TRANSIENT_SQLSTATES):
            raise Unavailable("The database could not do this now. Try again in a moment.") from failure
        raise


def _sqlite_engine(url: str, connections: Connections, *, write: bool) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=1 if write else SQLITE_READERS,
        max_overflow=0,
        pool_timeout=POOL_WAIT_SECONDS,
        pool_use_lifo=True,  # one connection at work keeps its cache; the others have none
        hide_parameters=True,
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "async_creator_fn": connections.connect},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver's own BEGIN comes too late for a consistent read-then-write
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_SECONDS * 1000}")
        cursor.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        if not write:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "invalidate")
    def _end_transaction(connection: Any, _record: ConnectionPoolEntry, _failure: BaseException | None) -> None:
        # A cancelled unit of work discards its connection. SQLite keeps a closed connection, and its write lock, until
        # the last cursor is gone. So the transaction is ended first, in the connection's own thread.
        driver = connection.driver_connection
        with suppress(ValueError):  # it was never connected
            driver._tx.put_nowait((None, driver._conn.rollback))

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        if not connection.get_execution_options().get(ONE_STATEMENT):
            connection.connection.driver_connection.begin("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


async def upsert(
    session: AsyncSession,
    table: type[SQLModel],
    rows: Sequence[dict[str, Any]],
    *,
    key: Sequence[str],
    add: Sequence[str] = (),
    replace: Sequence[str] = (),
) -> None:
    """Insert `rows`. Where `key` exists, the new value is added to `add` columns and replaces `replace` columns.

    Without both, such a row is left as it is; an empty `key` then means any unique index.
    """
    if not rows:
        return
    await session.flush()
    statement = _upsertion(session.get_bind().dialect.name, table, tuple(key), tuple(add), tuple(replace))
    await (await session.connection()).execute(statement, list(rows))


@cache
def _upsertion(
    dialect: str, table: type[SQLModel], key: tuple[str, ...], add: tuple[str, ...], replace: tuple[str, ...]
) -> Any:
    """The statement without its rows: cached, so that SQLAlchemy compiles it once too."""
    insert = import_module(f"sqlalchemy.dialects.{dialect}").insert  # of the database in use: each is large
    target = table.metadata.tables[str(table.__tablename__)]
    statement = insert(target)
    changes: dict[str, Any] = {name: target.c[name] + statement.excluded[name] for name in add}
    changes |= {name: statement.excluded[name] for name in replace}
    if changes:
        return statement.on_conflict_do_update(index_elements=list(key), set_=changes)
    return statement.on_conflict_do_nothing(index_elements=list(key) or None)


def day_of(moment: datetime) -> str:
    """The UTC day of a counter row, such as `2026-11-23`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d")
