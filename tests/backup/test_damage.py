"""Archives that are wrong in any way are refused with a sentence, and change nothing."""

import asyncio
import json
import re
import shutil
import sqlite3
import struct
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from alembic import command

from app.backup.manifest import MANIFEST
from app.backup.protection import fingerprint
from app.backup.schemas import BackupIn
from app.core.errors import Conflict, HuntarrError, Invalid
from app.core.upgrades import alembic_config
from tests.backup.contents import (
    OWNER,
    PASSPHRASE,
    Change,
    Dump,
    changed,
    dump,
    fill,
    imported,
    manifest,
    put,
    restored,
    rows_of,
    void,
    vouched,
)
from tests.support import stores
from tests.support.rig import Rig, open_rig

pytestmark = pytest.mark.asyncio


@dataclass
class Bench:
    """A service with rows in it, a good backup of it, and a place for bad ones."""

    rig: Rig
    good: Path
    before: Dump
    folder: Path

    async def refusal(self, bad: Path, **given: Any) -> str:
        """The error for a file that was put into the folder by hand."""
        path = self.folder / "by-hand.zip"
        await asyncio.to_thread(shutil.copyfile, bad, path)
        with pytest.raises(HuntarrError) as refused:
            await restored(self.rig, path.name, **given)
        assert await dump(self.rig.container.infra.db) == self.before
        assert sorted(file.name for file in self.folder.iterdir() if file.suffix == ".zip") == sorted(
            [path.name, self.good.name]
        ), "no backup of before was made: it never came to that"
        path.unlink()
        return refused.value.message

    async def refused_upload(self, bad: Path) -> str:
        with pytest.raises(HuntarrError) as refused:
            await imported(self.rig.container.backups.service, bad)
        assert [file.name for file in self.folder.iterdir() if file.name.startswith((".work", "huntarr"))] == [
            self.good.name
        ]
        return refused.value.message


@pytest_asyncio.fixture
async def bench(rig: Rig) -> AsyncIterator[Bench]:
    await fill(rig.container.infra.db)
    row = await rig.container.backups.service.create(BackupIn(), OWNER)
    good = await rig.container.backups.service.path_of(row.filename)
    yield Bench(rig, good, await dump(rig.container.infra.db), good.parent)


def without(name: str) -> Change:
    return lambda members: void(members.pop(name))


def swapped(members: dict[str, bytes]) -> None:
    name = "tables/ledger.ndjson"
    first, second, *others = members[name].splitlines(keepends=True)
    members[name] = b"".join([second, first, *others])


def unended(members: dict[str, bytes]) -> None:
    members["tables/users.ndjson"] = members["tables/users.ndjson"][:-1]
    vouched(members)


def entry(table: str, **fields: Any) -> Change:
    def change(members: dict[str, bytes]) -> None:
        said = manifest(members)
        [found] = [table_entry for table_entry in said["tables"] if table_entry["name"] == table]
        found |= fields
        manifest(members, **said)

    return change


def row(table: str, **fields: Any) -> Change:
    """One row of a table with other values, and a manifest that matches."""
    return lambda members: put(members, table, [{**rows_of(members, table)[0], **fields}, *rows_of(members, table)[1:]])


def doubled(members: dict[str, bytes]) -> None:
    rows = rows_of(members, "users")
    put(members, "users", [*rows, rows[0]])


def emptied(members: dict[str, bytes]) -> None:
    put(members, "instances", [])


def pair(members: dict[str, bytes]) -> None:
    vouched(members)
    said = manifest(members)
    manifest(members, tables=[*said["tables"], said["tables"][0]])


def foreign_table(members: dict[str, bytes]) -> None:
    members["tables/sessions.ndjson"] = b""
    said = manifest(members)
    manifest(members, tables=[*said["tables"], {**said["tables"][0], "name": "sessions"}])
    vouched(members)


def raw(content: bytes) -> Change:
    def change(members: dict[str, bytes]) -> None:
        members["tables/users.ndjson"] = content
        vouched(members)

    return change


def renamed(name: str) -> Change:
    def change(members: dict[str, bytes]) -> None:
        members[name] = members.pop("tables/users.ndjson")

    return change


def owners(change_owner: Callable[[dict[str, Any]], list[dict[str, Any]]]) -> Change:
    def change(members: dict[str, bytes]) -> None:
        changed_owners = change_owner(rows_of(members, "users")[0])
        for table in ("api_keys", "recovery_codes"):
            put(members, table, [{**row, "user_id": changed_owners[0]["id"]} for row in rows_of(members, table)])
        put(members, "users", changed_owners)

    return change


def section(name: str, stored: str) -> Change:
    def change(members: dict[str, bytes]) -> None:
        rows = [other for other in rows_of(members, "settings") if other["name"] != name]
        put(members, "settings", [*rows, {**rows[0], "name": name, "stored": stored}])

    return change


DEAR_HASH = f"$argon2id$v=19$m={4 * 2**20},t=2,p=1$bm9ib2R5IGtub3dzIGl0IQ${'A' * 43}"

DAMAGES: dict[str, tuple[Change, str]] = {
    "no manifest": (without(MANIFEST), "has no manifest"),
    "a manifest that is no JSON": (lambda m: m.update({MANIFEST: b"{"}), "cannot be read"),
    "a manifest of deep JSON": (lambda m: m.update({MANIFEST: b"[" * 100_000}), "cannot be read"),
    "somebody else's manifest": (lambda m: m.update({MANIFEST: b'{"product": "other"}'}), "no backup of Huntarr"),
    "a newer format": (lambda m: void(manifest(m, format=2)), "A newer Huntarr made this backup"),
    "a newer schema": (lambda m: void(manifest(m, schema_revision="9999")), r"schema 9999, which this version does"),
    "a schema that is a path": (lambda m: void(manifest(m, schema_revision="../x")), "not valid at schema_revision"),
    "a naive time": (lambda m: void(manifest(m, created_at="2026-11-23T12:00:00")), "not valid at created_at"),
    "a table twice": (pair, "contradicts itself"),
    "a table less": (without("tables/ledger.ndjson"), "exactly the files"),
    "a file more": (lambda m: m.update({"tables/x.ndjson": b""}), "exactly the files"),
    "a file with a path": (renamed("../../users.ndjson"), "exactly the files"),
    "a file with a whole path": (renamed("/tmp/users.ndjson"), "exactly the files"),  # noqa: S108 - never written
    "a table that is left out": (foreign_table, "look at sessions"),
    "a table whose name is a path": (entry("ledger", name="../ledger"), "not valid at tables"),
    "other content": (swapped, "hash differs"),
    "a wrong hash": (entry("ledger", sha256="0" * 64), "hash differs"),
    "a wrong size": (entry("ledger", size=3), "contradict its manifest"),
    "a row too many": (entry("ledger", rows=1), "has not the 1 rows"),
    "a huge count": (entry("ledger", rows=2**63 - 1), "has not the 9223372036854775807 rows"),
    "a count past all": (entry("ledger", rows=2**70), "not valid at tables"),
    "a negative count": (entry("ledger", rows=-1), "not valid at tables"),
    "a reference to nobody": (row("ledger", instance_id=999_999), "refers to a row of instances"),
    "no instances": (emptied, "refers to a row of instances"),
    "a key twice": (doubled, "rows that no database takes"),
    "a null where none may be": (row("users", username=None), "rows that no database takes"),
    "a word for a number": (row("hunts", searched="many"), "Row 1 of the table hunts is not valid: searched is no int"),
    "a huge number": (row("hunts", searched=2**80), "searched is no integer"),
    "a truth for a number": (row("hunts", searched=True), "searched is no integer"),
    "a number for a truth": (row("hunts", dry_run=1), "dry_run is no boolean"),
    "a time without a zone": (row("hunts", queued_at="2026-11-23T12:00:00"), "queued_at is no time"),
    "a time before all time": (row("hunts", queued_at="0001-01-01T00:00:00+23:59"), "queued_at is no time"),
    "JSON that is none": (row("hunts", skipped="{"), "skipped is no JSON"),
    "JSON without a bottom": (row("hunts", skipped="[" * 100_000), "skipped is no JSON"),
    "settings that are none": (
        row("settings", name="general", stored='{"timezone": "Mars/Base"}'),
        "settings in the backup are not valid",
    ),
    "a column more": (row("users", admin=True), "Row 1 of the table users has not the columns"),
    "a line that is no row": (raw(b"[1]\n"), "holds a line that is no row"),
    "a line that is no JSON": (raw(b"{\n"), "holds a line that is no row"),
    "a line with NaN": (raw(b'{"id": NaN}\n'), "holds a line that is no row"),
    "bytes that are no text": (raw(b'{"id": "\xff"}\n'), "holds a line that is no row"),
    "half of a pair": (raw(b'{"id": "\\ud800"}\n'), "holds a line that is no row"),
    "a time past the calendar's edge": (row("hunts", queued_at="9999-12-31T23:59:59+00:00"), "queued_at is no time"),
    "JSON of many elements": (row("hunts", skipped="[" + "[]," * 60_000 + "[]]"), "skipped is no JSON"),
    "a line of lists": (raw(b'{"id": [' + b"[]," * 50_000 + b"[]]}\n"), "holds a line that is no row"),
    "a line of objects": (raw(b'{"id": {"id": 1}}\n'), "holds a line that is no row"),
    "an owner of another id": (owners(lambda owner: [{**owner, "id": 2}]), "another owner"),
    "two owners": (owners(lambda owner: [owner, {**owner, "id": 2}]), "another owner"),
    "a dear hash": (owners(lambda owner: [{**owner, "password_hash": DEAR_HASH}]), "not hashed as this version"),
    "a hash of another kind": (owners(lambda owner: [{**owner, "password_hash": "x"}]), "not hashed as this version"),
    "an unknown app type": (row("instances", app_type="winamp"), "table instances of the backup holds a row"),
    "overrides of another kind": (row("instances", overrides="[]"), "table instances of the backup holds a row"),
    "overrides past their range": (
        row("instances", overrides='{"interval_minutes": 0}'),
        "table instances of the backup holds a row",
    ),
    "an unknown variant": (row("instance_states", variant="v9"), "table instance_states of the backup holds a row"),
    "a rule that is none": (row("schedules", cron="every day", time=None, interval_minutes=None), "table schedules of"),
    "an unknown scope": (row("api_keys", scope="admin"), "table api_keys of the backup holds a row"),
    "an unknown pass": (row("hunts", passes='["other"]'), "table hunts of the backup holds a row"),
    "an unknown outcome": (row("searches", outcome="other"), "table searches of the backup holds a row"),
    "an unknown reason": (row("hunt_skips", reason="other"), "table hunt_skips of the backup holds a row"),
    "a schedule without a rule": (
        row("schedules", cron=None, time=None, interval_minutes=None),
        "table schedules of the backup holds a row",
    ),
    "a schedule of another planet": (row("schedules", timezone="Mars/Base"), "table schedules of the backup holds"),
    "an unknown provider": (row("notification_connections", provider="pigeon"), "table notification_connections of"),
    "an unknown action": (row("hooks", action="format"), "table hooks of the backup holds a row"),
    "an app's token without a digest": (row("app_webhooks", digest="x"), "table app_webhooks of the backup holds"),
    "a key check without a value": (section("key_check", "{}"), "table settings of the backup holds a row"),
    "MQTT settings that are none": (section("mqtt", '{"verify_tls": []}'), "settings mqtt in the backup"),
    "a last line without an end": (unended, "hash differs"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.process
async def test_a_damaged_archive_is_refused(bench: Bench, tmp_path: Path, damage: str) -> None:
    change, sentence = DAMAGES[damage]
    bad = changed(bench.good, tmp_path / "bad.zip", change)
    said = await bench.refusal(bad)
    assert sentence in said
    assert await bench.refused_upload(bad) == said


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    return content[:200] + bytes([content[200] ^ 0xFF]) + content[201:]


def with_directory(content: bytes) -> bytes:
    """Its end says that the directory is as large as memory."""
    return content[:-10] + struct.pack("<LLH", 2**31, 0, 0)


def with_large_mark(content: bytes) -> bytes:
    return content[:-22] + b"PK\6\7" + b"\0" * 16 + content[-22:]


@pytest.mark.parametrize(
    ("break_it", "sentence"),
    [
        (cut, "not a whole one"),
        (lambda content: b"", "not a whole one"),
        (lambda content: content[:-1], "not a whole one"),
        (lambda content: content + b"x", "not a whole one"),
        (lambda content: b"x" * 5000, "not a whole one"),
        (lambda content: content[-22:], "not a whole one"),
        (flipped, "cannot be read|hash differs"),
        (with_directory, "no backup has such a directory"),
        (with_large_mark, "no backup has such a directory"),
        (lambda content: content[:-2] + b"\5\0hello", "no zip"),
    ],
)
@pytest.mark.process
async def test_a_file_that_is_broken_is_refused(
    bench: Bench, tmp_path: Path, break_it: Callable[[bytes], bytes], sentence: str
) -> None:
    bad = tmp_path / "bad.zip"
    bad.write_bytes(break_it(bench.good.read_bytes()))
    said = await bench.refusal(bad)
    assert re.search(sentence, said), said
    assert await bench.refused_upload(bad) == said


async def test_a_zip_bomb_is_refused_before_it_unpacks(bench: Bench, tmp_path: Path) -> None:
    def inflate(members: dict[str, bytes]) -> None:
        members["tables/users.ndjson"] = b"{}\n" * 30_000_000
        vouched(members)

    bad = changed(bench.good, tmp_path / "bad.zip", inflate)
    assert bad.stat().st_size < 1_000_000
    assert "unpacks to more" in await bench.refusal(bad)


async def test_a_second_factor_that_nobody_can_decrypt_is_refused(bench: Bench, tmp_path: Path) -> None:
    bad = changed(bench.good, tmp_path / "bad.zip", owners(lambda owner: [{**owner, "totp_secret": "x"}]))
    assert "second factor" in await bench.refusal(bad)


async def test_a_bomb_of_one_line_is_refused_by_its_ratio(bench: Bench, tmp_path: Path) -> None:
    bad = changed(bench.good, tmp_path / "bad.zip", raw(b'{"id": [' + b"[]," * 8_000_000 + b"[]]}\n"))
    assert bad.stat().st_size < 100_000
    assert "unpacks to more" in await bench.refused_upload(bad)


async def test_a_line_is_a_few_mebibytes_long_at_most(bench: Bench, tmp_path: Path) -> None:
    noise = "".join(sha256(str(number).encode()).hexdigest() for number in range(70_000)).encode()
    bad = changed(bench.good, tmp_path / "bad.zip", raw(b'{"id": "' + noise + b'"}\n'))
    assert "a line that is too long" in await bench.refused_upload(bad)


async def test_a_member_that_is_longer_than_it_says_is_not_read_on(bench: Bench, tmp_path: Path) -> None:
    """The directory lies about the size: Python reads no more than it says, and then the hash is not right."""
    bad = changed(bench.good, tmp_path / "bad.zip", raw(b"{}\n" * 1000))
    content = bytearray(bad.read_bytes())
    with zipfile.ZipFile(bad) as archive:
        real = archive.getinfo("tables/users.ndjson").file_size
    said = struct.pack("<L", 30)
    place = content.rfind(b"tables/users.ndjson")
    assert content[place - 22 : place - 18] == struct.pack("<L", real)
    content[place - 22 : place - 18] = said
    bad.write_bytes(bytes(content))
    assert "contradict its manifest" in await bench.refusal(bad)


async def test_two_members_of_one_name_are_refused(bench: Bench, tmp_path: Path) -> None:
    bad = tmp_path / "bad.zip"
    bad.write_bytes(bench.good.read_bytes())
    with zipfile.ZipFile(bad, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("tables/users.ndjson", b"")
    assert "exactly the files" in await bench.refusal(bad)


async def test_a_foreign_key_is_refused_before_anything_changes(
    bench: Bench, sqlite_template: stores.SqliteTemplate, redis_url: str, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    with sqlite_template.copy(tmp_path / "other") as url:
        async with open_rig(url, redis_url, tmp_path / "other", secret="o" * 40) as other:
            backups = other.container.backups.service
            before = await dump(other.container.infra.db)
            row = await imported(backups, bench.good)
            assert (row.key_fits, row.has_passphrase) == (False, False)
            with pytest.raises(Conflict, match="encrypted with another key"):
                await restored(other, row.filename)
            lying = changed(bench.good, tmp_path / "lying.zip", lambda members: _claim(members, other))
            (bench.folder.parent / "other" / "backups" / "lying.zip").write_bytes(lying.read_bytes())
            with pytest.raises(Conflict, match="does not open"):
                await restored(other, "lying.zip")
            assert await dump(other.container.infra.db) == before


def _claim(members: dict[str, bytes], rig: Rig) -> None:
    manifest(members, key_fingerprint=fingerprint(rig.container.infra.box))
    sealed = json.dumps({"sealed": "gAAAAA" + "x" * 100})
    put(members, "settings", [{**rows_of(members, "settings")[0], "name": "key_check", "stored": sealed}])


async def test_a_wrong_passphrase_is_refused(bench: Bench) -> None:
    backups = bench.rig.container.backups.service
    made = await backups.create(BackupIn.model_validate({"passphrase": PASSPHRASE}), OWNER)
    with pytest.raises(Invalid, match="under a passphrase"):
        await restored(bench.rig, made.filename)
    with pytest.raises(Invalid, match="not the passphrase"):
        await restored(bench.rig, made.filename, "another passphrase")
    assert await dump(bench.rig.container.infra.db) == bench.before


@pytest.mark.storage
@pytest.mark.parametrize("revision", ["0001", "0010"])
@pytest.mark.process
async def test_an_old_schema_is_migrated(rig: Rig, tmp_path: Path, revision: str) -> None:
    """A backup as that version would have made it: the tables and columns that it had, and nothing else."""
    await fill(rig.container.infra.db)
    row = await rig.container.backups.service.create(BackupIn(), OWNER)
    path = await rig.container.backups.service.path_of(row.filename)
    old = await asyncio.to_thread(shape_at, revision, tmp_path / "old.db")
    before: dict[str, list[dict[str, Any]]] = {}

    def grow_old(members: dict[str, bytes]) -> None:
        said = manifest(members, schema_revision=revision)
        manifest(members, tables=[table_entry for table_entry in said["tables"] if table_entry["name"] in old])
        names = [entry["name"] for entry in said["tables"]]
        before.update((name, as_of(old, members, name)) for name in names if name in old)
        for name in names:
            if name in old:
                put(members, name, before[name])
            else:
                del members[f"tables/{name}.ndjson"]

    changed(path, path.parent / "old.zip", grow_old)
    await restored(rig, "old.zip")
    again = await rig.container.backups.service.create(BackupIn(), OWNER)
    after: dict[str, list[dict[str, Any]]] = {}

    def look(members: dict[str, bytes]) -> None:
        for name in before:
            after[name] = as_of(old, members, name)
        assert "users" in old or rows_of(members, "users") == []

    changed(await rig.container.backups.service.path_of(again.filename), path.parent / "again.zip", look)
    assert before
    for name, rows in before.items():
        raised = {"fence"} if name == "instance_states" else set()
        assert _without(after[name], raised) == _without(rows, raised), name


def as_of(shape: dict[str, set[str]], members: dict[str, bytes], name: str) -> list[dict[str, Any]]:
    """The rows of a table in an older shape; until 0010 the columns of `hunt_states` were part of `instance_states`."""
    hunt_states = {row["instance_id"]: row for row in rows_of(members, "hunt_states")}
    rows = rows_of(members, name)
    if name == "instance_states":
        rows = [{**hunt_states[row["instance_id"]], **row} for row in rows]
    return [{key: row[key] for key in row if key in shape[name]} for row in rows]


def _without(rows: list[dict[str, Any]], names: set[str]) -> list[str]:
    return sorted(json.dumps({key: row[key] for key in row if key not in names}, sort_keys=True) for row in rows)


def shape_at(revision: str, path: Path) -> dict[str, set[str]]:
    """The columns of every table at a revision, as our migrations make them."""
    command.upgrade(alembic_config(f"sqlite+aiosqlite:///{path}"), revision)
    with closing(sqlite3.connect(path)) as books:
        tables = [name for (name,) in books.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: {column[1] for column in books.execute(f"PRAGMA table_info({name})")} for name in tables}


@pytest.mark.storage
async def test_what_only_this_database_refuses_changes_nothing(rig: Rig) -> None:
    """SQLite takes texts of any length and larger numbers than PostgreSQL: such a backup may be refused there."""
    await fill(rig.container.infra.db)
    row = await rig.container.backups.service.create(BackupIn(), OWNER)
    path = await rig.container.backups.service.path_of(row.filename)
    before = await dump(rig.container.infra.db)

    def grow(members: dict[str, bytes]) -> None:
        rows = rows_of(members, "hunt_skips")
        put(members, "hunt_skips", [{**rows[0], "title": "x" * 5000}, *rows[1:]])

    changed(path, path.parent / "long.zip", grow)
    if rig.container.infra.db.is_sqlite:
        await restored(rig, "long.zip")
        return
    with pytest.raises(Conflict, match="the table hunt_skips"):
        await restored(rig, "long.zip")
    assert _but_settings(await dump(rig.container.infra.db)) == _but_settings(before)
    assert not (await rig.container.settings.general()).hunting_paused


def _but_settings(found: Dump) -> Dump:
    """Without the section that the pause was written to."""
    return {name: rows for name, rows in found.items() if name != "settings"}
