"""Runs the program's own readers over a staged backup: what no list call could show must not replace what is there."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from argon2 import Type, extract_parameters
from argon2.exceptions import InvalidHashError
from pydantic import ValidationError
from sqlalchemy import Select
from sqlmodel import SQLModel, col, select

from app.arr.errors import ErrorCode
from app.arr.models import AppType, HuntPass, Unit, Variant
from app.arr.registry import hunting_apps
from app.auth.models import OWNER_ID, ApiKey, User
from app.auth.passwords import MEMORY_KIB, PASSES
from app.auth.schemas import ApiKeyOut
from app.backup.archive import BATCH_ROWS
from app.backup.manifest import Damaged
from app.core.clock import Clock
from app.core.db import Database
from app.counters.models import StatHunt, StatPass, StatPassTotal, StatTotal
from app.history.service import search_out
from app.hunting.schemas import HuntOut
from app.hunting.selection.policy import Reason
from app.hunting.store.derived_lists import read_movies
from app.hunting.store.models import (
    AppSnapshot,
    DerivedList,
    Hunt,
    HuntState,
    ItemState,
    Outcome,
    Search,
    Skip,
    WalkCursor,
)
from app.instances.models import Instance, InstanceState
from app.instances.own_settings import prowlarr_settings, swaparr_settings
from app.movie_hunt.readable import MOVIE_READERS
from app.notifications.models import ConnectionState, NotificationConnection
from app.notifications.schemas import ConnectionOut
from app.prowlarr.indexers import read_links, read_stored
from app.prowlarr.models import ProwlarrState
from app.schedules.models import Schedule, ScheduleRun
from app.schedules.planning import schedule_next
from app.schedules.schemas import ScheduleIn, ScheduleOut, ScheduleRunOut
from app.secrets.box import SecretBox
from app.settings.hunting import effective
from app.settings.models import SettingsSection
from app.settings.service import SettingsService
from app.swaparr.models import SwaparrEntry, SwaparrState, TrackedDownload
from app.swaparr.schemas import SwaparrEntryOut, TrackedOut
from app.swaparr.storing import read_items, read_memory, read_record
from app.webhooks.models import AppWebhook, Hook
from app.webhooks.schemas import HookIn, HookOut

Reader = Callable[[Any], object]
"""Reads a row as the program does; raises for one that it cannot read."""

UNREADABLE: Final = (ValidationError, ValueError, TypeError, KeyError, AttributeError, OverflowError)
MAX_THREADS: Final = 4


async def check_readable(staged: Database, clock: Clock, sections: Mapping[str, Reader]) -> None:
    """`Damaged`, which names the table, when a row cannot be read or the owner is not what an owner is.

    `sections` are the readers of settings that other features keep.
    """
    await _check_owner(staged)
    await _check_pairs(staged)
    await _check_sections(staged, sections)
    for table, read in (await _readers(staged, clock)).items():
        await _check_rows(staged, table, read)


async def _readers(staged: Database, clock: Clock) -> Mapping[type[SQLModel], Reader]:
    try:
        settings = SettingsService(staged, clock, SecretBox("no secret is read here"))
        await settings.sections()
        async with staged.reading() as session:
            defaults = await settings.all_hunting_defaults(session)
            zone = (await settings.general_in(session)).timezone
    except UNREADABLE:
        raise Damaged("The settings in the backup are not valid for this version.") from None

    def instance(row: Instance) -> None:
        app_type = AppType(row.app_type)
        if app_type in hunting_apps():
            effective(defaults[app_type], row.overrides)
        prowlarr_settings(app_type, row.overrides)
        swaparr_settings(app_type, row.overrides)
        _typed(row)

    def schedule(row: Schedule) -> None:
        ScheduleIn.model_validate({name: getattr(row, name) for name in ScheduleIn.model_fields})
        ScheduleOut.model_validate({**_values(row), "last_run": None})
        schedule_next(Schedule(**_values(row)), zone, clock())

    return {**READERS, Instance: instance, Schedule: schedule}


async def _check_sections(staged: Database, sections: Mapping[str, Reader]) -> None:
    async with staged.reading() as session:
        for name, read in sections.items():
            section = await session.get(SettingsSection, name)
            try:
                read(dict(section.stored) if section is not None else {})
            except UNREADABLE:
                raise Damaged(f"The settings {name} in the backup are not valid for this version.") from None


async def _check_rows(staged: Database, table: type[SQLModel], read: Reader) -> None:
    query = select(table).execution_options(yield_per=BATCH_ROWS)
    async with staged.reading() as session:
        async for row in await session.stream_scalars(query):
            try:
                read(row)
            except UNREADABLE:
                raise Damaged(
                    f"The table {table.__tablename__} of the backup holds a row that this version cannot read."
                ) from None


async def _check_owner(staged: Database) -> None:
    async with staged.reading() as session:
        owners = (await session.exec(select(User).limit(2))).all()
    if len(owners) > 1 or any(owner.id != OWNER_ID for owner in owners):
        raise Damaged("The backup holds another owner than the one that there can be.")
    for owner in owners:
        if not _is_cheap(owner.password_hash):
            raise Damaged("The owner's password in the backup is not hashed as this version hashes.")


async def check_second_factor(staged: Database, box: SecretBox) -> None:
    """One that the key in force does not decrypt would keep the owner out."""
    async with staged.reading() as session:
        owner = await session.get(User, OWNER_ID)
    if owner is not None and owner.totp_secret is not None and box.try_decrypt(owner.totp_secret) is None:
        raise Damaged("The owner's second factor in the backup cannot be decrypted.")


def _is_cheap(password_hash: str) -> bool:
    """Whether it costs a log-in at most what our own hashes cost."""
    try:
        found = extract_parameters(password_hash)
    except InvalidHashError:
        return False
    return (
        found.type is Type.ID
        and 0 < found.memory_cost <= MEMORY_KIB
        and 0 < found.time_cost <= PASSES
        and 0 < found.parallelism <= MAX_THREADS
    )


async def _check_pairs(staged: Database) -> None:
    """Rows that are always written together."""
    instances = select(Instance.id).where(col(Instance.id).not_in(select(InstanceState.instance_id)))
    hunting = select(Instance.id).where(
        col(Instance.app_type).in_(hunting_apps()), col(Instance.id).not_in(select(HuntState.instance_id))
    )
    connections = select(NotificationConnection.id).where(
        col(NotificationConnection.id).not_in(select(ConnectionState.connection_id))
    )
    pairs: Sequence[tuple[str, Select[Any]]] = [
        ("instances", instances),
        ("instances", hunting),
        ("notification_connections", connections),
    ]
    async with staged.reading() as session:
        for name, query in pairs:
            if (await session.exec(query.limit(1))).first() is not None:  # type: ignore[call-overload] # a Select
                raise Damaged(f"A row of the table {name} of the backup lacks its state.")


def _values(row: SQLModel) -> dict[str, Any]:
    return {name: getattr(row, name) for name in type(row).model_fields}


def _typed(row: SQLModel) -> None:
    """JSON columns are what their annotations say; tables are not checked when they are loaded."""
    type(row).model_validate(_values(row))


def _api_key(row: ApiKey) -> None:
    ApiKeyOut.model_validate(row)


def _instance_state(row: InstanceState) -> None:
    if row.variant is not None:
        Variant(row.variant)
    if row.error_code is not None:
        ErrorCode(row.error_code)


def _hunt(row: Hunt) -> None:
    HuntOut.model_validate(row)
    AppType(row.app_type)


def _search(row: Search) -> None:
    _typed(row)
    search_out(row)


def _skip(row: Skip) -> None:
    HuntPass(row.hunt_pass), Unit(row.unit), Reason(row.reason)


def _item_state(row: ItemState) -> None:
    HuntPass(row.hunt_pass), Unit(row.unit)
    if row.last_outcome is not None:
        Outcome(row.last_outcome)
    _typed(row)


def _counted(row: Any) -> None:
    AppType(row.app_type)
    if isinstance(row, StatPass | StatPassTotal):
        HuntPass(row.hunt_pass)


def _connection(row: NotificationConnection) -> None:
    shown: dict[str, object] = {"settings": {}, "secret": None, "last_delivered_at": None, "last_error": None}
    ConnectionOut.model_validate({**_values(row), **shown})
    _typed(row)


def _hook(row: Hook) -> None:
    HookOut.model_validate(row)
    HookIn.model_validate({name: getattr(row, name) for name in HookIn.model_fields})


def _app_webhook(row: AppWebhook) -> None:
    bytes.fromhex(row.digest)


def _section(row: SettingsSection) -> None:
    if row.name == "key_check" and not isinstance(row.stored["sealed"], str):
        raise TypeError
    _typed(row)


READERS: Final[Mapping[type[SQLModel], Reader]] = {
    ApiKey: _api_key,
    InstanceState: _instance_state,
    Hunt: _hunt,
    Search: _search,
    Skip: _skip,
    ItemState: _item_state,
    WalkCursor: lambda row: HuntPass(row.hunt_pass),
    AppSnapshot: lambda row: read_links(row.links),
    SwaparrState: lambda row: read_memory(row.memory),
    TrackedDownload: lambda row: (TrackedOut.model_validate(row), read_record(row.record), read_items(row.items)),
    SwaparrEntry: SwaparrEntryOut.model_validate,
    ProwlarrState: lambda row: read_stored(row.indexers),
    DerivedList: lambda row: read_movies(row.movies),
    StatTotal: _counted,
    StatPass: _counted,
    StatPassTotal: _counted,
    StatHunt: _counted,
    NotificationConnection: _connection,
    ScheduleRun: ScheduleRunOut.model_validate,
    Hook: _hook,
    AppWebhook: _app_webhook,
    SettingsSection: _section,
    **MOVIE_READERS,
}
