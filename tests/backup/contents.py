"""Fills databases with odd rows, dumps them, and tampers with archives."""

import asyncio
import json
import shutil
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Table, delete, insert, select
from sqlalchemy.types import TypeDecorator

from app.arr.errors import ErrorCode
from app.arr.models import HuntPass, Unit, Variant
from app.arr.prowlarr import ProwlarrIndexer
from app.arr.registry import hunting_apps
from app.auth.callers import Caller, CallerKind, Origin, Scope
from app.auth.credentials import ENVIRONMENT_KEY
from app.backup.archive import export_columns
from app.backup.manifest import MANIFEST, member_name
from app.backup.schemas import BackupOut, RestoreIn, RestoreOut
from app.backup.scope import saved_tables
from app.backup.sequences import last_id
from app.backup.service import BackupService
from app.backup.values import ColumnKind, kind_of
from app.core.db import Database
from app.downloads.models import ClientKind
from app.events.payloads import Level
from app.hunting.selection.policy import Reason
from app.hunting.selection.requested import RequestedItem
from app.hunting.store.models import Outcome, Trigger
from app.hunting.store.reasons import HuntReason
from app.indexers.models import Capabilities, IndexerKind, Protocol
from app.movie_hunt.importing.placing import FileMove, ImportPlan
from app.movie_hunt.indexer_calls import capabilities_document
from app.movie_hunt.models import MinimumAvailability, MovieEvent, MovieProfile
from app.movie_hunt.profiles import ProfileDocument
from app.movie_hunt.release_facts import ReleaseFacts
from app.prowlarr.indexers import StoredIndexer, stored
from app.releases.models import Quality
from app.schedules.models import RunTrigger
from app.swaparr.models import SwaparrAction
from app.swaparr.policy import Away, Memory, Record, Standing
from app.swaparr.storing import stored_items, stored_memory, stored_record
from app.swaparr.stuck_rules import Cause
from tests.support.rig import Rig

ROWS = 25
OWNER = Caller(CallerKind.SESSION, "owner", Scope.FULL, session_id=1)
PASSPHRASE = "carry me to the other machine"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

WEAK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # cheap: the tests restore often
PLAN = ImportPlan(FileMove("/d/é.mkv", "/m/é.mkv", "/m/.part"), (), None, "/m", "/d", 0)
HERE = Origin("127.0.0.1")
KNOWN: dict[str, list[Any]] = {
    "user_id": [1],
    "app_type": list(hunting_apps()),
    "hunt_pass": list(HuntPass),
    "unit": list(Unit),
    "outcome": list(Outcome),
    "last_outcome": [None, *Outcome],
    "passes": [list(HuntPass)[:1], list(HuntPass)],
    "skipped": [{}, {"missing": {"cooldown": 3}}],
    "unseen": [{}, {"missing": 20213}],
    "warnings": [[], ["ünïcode"]],
    "download_ids": [[], ["a"]],
    "failed_ids": [[], ["a"]],
    "release_titles": [[], ["😀"]],
    "tag_ids": [None, [1, 2]],
    "indexers": [None, [1, 2]],
    "links": [[], [{"indexer_id": 1, "name": "é (Prowlarr)", "base_url": "http://prowlarr:9696/1/"}]],
    "profiles": [None, {"1": "x"}],
    "profiles_woken": [{}, {"1": "x"}],
    "movies": [b"[]"],
    "variant": [None, *Variant],
    "error_code": [None, *ErrorCode],
    "headers": [{}, {"CF-Access-Client-Id": "gAAAAA"}],
    "overrides": [{}, {"hourly_cap": 7}],
    "digest": [f"{number:064x}" for number in range(ROWS)],
}
"""Values of the columns that readers understand, instead of any."""
KNOWN_OF: dict[str, dict[str, list[Any]]] = {
    "users": {"id": [1], "password_hash": [WEAK.hash("correct horse battery")], "totp_secret": [None]},
    "api_keys": {"scope": list(Scope)},
    "hunts": {"trigger": list(Trigger), "reason": [None, *HuntReason]},
    "prowlarr_states": {
        "indexers": [
            [],
            stored([StoredIndexer(ProwlarrIndexer(1, "é", "torrent", "public", enabled=True, searches=True))]),
        ],
        "agents": [[]],
        "applications": [None, ["http://sonarr:8989"]],
    },
    "swaparr_states": {
        "memory": [{}, stored_memory(Memory(clients=frozenset({"é"}), away=Away.CLIENT))],
        "transmissions": [["é"]],
    },
    "swaparr_downloads": {
        "standing": list(Standing),
        "cause": [None, *Cause],
        "record": [stored_record(Record(EPOCH, None, None))],
        "items": [[], stored_items([RequestedItem("movie:1", 1, "é")])],
    },
    "swaparr_history": {"action": list(SwaparrAction), "cause": [None, *Cause], "keys": [[], ["movie:1"]]},
    "movie_hunt_profiles": {"rules": [ProfileDocument().model_dump(mode="json")]},
    "movie_hunt_indexers": {"kind": list(IndexerKind), "categories": [[], [2000, 2040]]},
    "movie_hunt_indexer_states": {"capabilities": [None, capabilities_document(Capabilities())], "feed_guids": [["é"]]},
    "movie_hunt_clients": {"kind": list(ClientKind), "path_mappings": [[], [{"remote": "C:\\é", "local": "/é"}]]},
    "movie_hunt_movies": {
        "minimum_availability": list(MinimumAvailability),
        "alternative_titles": [[], ["é😀"]],
        "genres": [[]],
        "tags": [["é"]],
    },
    "movie_hunt_files": {"quality": list(Quality), "languages": [[], ["German"]]},
    "movie_hunt_grabs": {
        "state": ["imported", "failed"],
        "protocol": list(Protocol),
        "quality": list(Quality),
        "facts": [ReleaseFacts(indexer="é", protocol=Protocol.TORRENT).document],
        "journal": [None, PLAN.document],
    },
    "movie_hunt_history": {"event": list(MovieEvent), "rejections": [[], [{"reason": "pack", "releases": 3}]]},
    "movie_hunt_blocklist": {"protocol": list(Protocol)},
    "hunt_skips": {"reason": list(Reason)},
    "schedules": {
        "name": ["é😀"],
        "action": ["hunt", "backup"],
        "app_type": ["all"],
        "instance_id": [None],
        "params": [{}],
        "cron": ["0 3 * * *", None, None],
        "time": [None, "03:00", None],
        "days": [None, ["mon"], None],
        "interval_minutes": [None, None, 30],
        "timezone": [None, "Europe/Berlin"],
        "zone": ["UTC"],
    },
    "schedule_runs": {"trigger": list(RunTrigger), "hunt_ids": [[], [1]]},
    "notification_connections": {
        "provider": ["webhook"],
        "events": [["hunt.completed"]],
        "app_type": ["all"],
        "min_level": list(Level),
    },
    "hooks": {
        "name": ["é😀"],
        "action": ["hunt", "resume"],
        "app_type": ["all"],
        "instance_id": [None],
        "params": [{}],
    },
}

Dump = dict[str, list[tuple[Any, ...]]]

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
numbers = st.floats(allow_nan=False, allow_infinity=False)
plain = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | numbers | texts
values: dict[ColumnKind, st.SearchStrategy[Any]] = {
    ColumnKind.JSON: st.dictionaries(texts, st.recursive(plain, lambda inner: st.lists(inner, max_size=3)), max_size=3),
    ColumnKind.BOOLEAN: st.booleans(),
    ColumnKind.TIME: st.integers(0, 7_250_000_000_000_000).map(lambda micros: EPOCH + timedelta(microseconds=micros)),
    ColumnKind.INTEGER: st.sampled_from([0, 1, -1, 2**31 - 1, -(2**31)]) | st.integers(-(2**31), 2**31 - 1),
    ColumnKind.NUMBER: numbers,
    ColumnKind.BYTES: st.binary(max_size=40),
    ColumnKind.TEXT: texts,
}


@cache  # made by hypothesis, the same every time
def odd_rows(table: Table) -> list[dict[str, Any]]:
    """Rows of the table with every kind of value that its columns take; keys are made different by their number."""
    found: list[dict[str, Any]] = []
    columns = {column.name: _strategy(column) for column in table.columns}

    @settings(
        max_examples=ROWS, database=None, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(st.fixed_dictionaries(columns))
    def collect(row: dict[str, Any]) -> None:
        found.append({**row, **_keys(table, len(found))})

    collect()
    return found[:1] if table.name == "users" else found


def _strategy(column: Column[Any]) -> st.SearchStrategy[Any]:
    kind = kind_of(column.type)
    plainly = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    length = getattr(plainly, "length", None)
    found = values[kind].map(lambda text: text[:length]) if kind is ColumnKind.TEXT and length else values[kind]
    return st.none() | found if column.nullable else found


def _keys(table: Table, number: int) -> dict[str, Any]:
    """Values that must be unique or refer to another row: keys, unique columns, references."""
    unique = {column.name for index in table.indexes if index.unique for column in index.columns}
    for constraint in table.constraints:
        unique |= {column.name for column in getattr(constraint, "columns", ())}
    keys = {name: _key(table.c[name], number) for name in unique}
    if table.name == "hunt_states":
        keys["fence"] = number  # every restore raises it
    if "status" in table.c:
        keys["status"] = "completed"  # only one hunt of an instance may be open
    return keys | {
        name: options[number % len(options)]
        for name, options in (KNOWN | KNOWN_OF.get(table.name, {})).items()
        if name in table.c
    }


def _key(column: Column[Any], number: int) -> Any:
    if kind_of(column.type) is ColumnKind.INTEGER:
        return number + 1
    if kind_of(column.type) is ColumnKind.TIME:
        return EPOCH + timedelta(days=number)
    return f"{'é😀' if number % 2 else ''}{number}"


async def fill(db: Database, *, but: tuple[str, ...] = ()) -> None:
    async with db.session() as session:
        connection = await session.connection()
        await connection.execute(delete(MovieProfile))  # the one that every installation begins with
        for table in saved_tables():
            if table.name not in but and (rows := odd_rows(table)):
                await connection.execute(insert(table), rows)


async def dump(db: Database, *, but: tuple[str, ...] = ()) -> Dump:
    """Every row of every table that backups hold, exactly, without the columns `but`."""
    async with db.reading() as session:
        connection = await session.connection()
        return {
            table.name: sorted(
                [tuple(row) for row in (await connection.execute(select(*_columns(table, but)))).all()], key=repr
            )
            for table in saved_tables()
        }


def _columns(table: Table, but: tuple[str, ...]) -> list[Any]:
    return [column for column in export_columns(table) if f"{table.name}.{column.name}" not in but]


async def last_ids(db: Database) -> dict[str, int | None]:
    async with db.reading() as session:
        connection = await session.connection()
        return {table.name: await last_id(connection, table) for table in saved_tables()}


async def restored(rig: Rig, filename: str, passphrase: str | None = None) -> RestoreOut:
    """Restore as the owner does, or as whoever sets up a new machine."""
    given = {"filename": filename, "passphrase": passphrase}
    caller = ENVIRONMENT_KEY
    if await rig.container.auth.accounts.has_owner():
        caller, given = OWNER, given | {"password": "correct horse battery"}
    return await rig.container.backups.service.restore(RestoreIn.model_validate(given), caller, HERE)


async def imported(backups: BackupService, path: Path) -> BackupOut:
    """Import the file, as an upload does."""
    async with backups.draft() as draft:
        await asyncio.to_thread(shutil.copyfile, path, draft.path)
        return await backups.import_upload(draft)


Change = Callable[[dict[str, bytes]], None]


def changed(source: Path, target: Path, change: Change) -> Path:
    """The archive with other members. Whoever changes a table and wants a valid manifest calls `vouched`."""
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target


def void(_value: object) -> None:
    """A change is a statement."""


def manifest(members: dict[str, bytes], **fields: Any) -> dict[str, Any]:
    """The manifest, with some fields changed."""
    said: dict[str, Any] = {**json.loads(members[MANIFEST]), **fields}
    members[MANIFEST] = json.dumps(said).encode()
    return said


def vouched(members: dict[str, bytes]) -> None:
    """Make the manifest match the changed tables, as a skilled forger would."""
    said = manifest(members)
    for entry in said["tables"]:
        content = members[member_name(entry["name"])]
        entry |= {"rows": content.count(b"\n"), "size": len(content), "sha256": sha256(content).hexdigest()}
    manifest(members, **said)


def rows_of(members: dict[str, bytes], table: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in members[member_name(table)].splitlines()]


def put(members: dict[str, bytes], table: str, rows: list[dict[str, Any]]) -> None:
    members[member_name(table)] = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    vouched(members)
