"""`huntarr rotate-key`: all or none of the secrets, recoverable at any moment. A wrong key stops the start."""

import json
import os
import stat
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Column, Integer, String, Table
from sqlmodel import SQLModel, select

from app.core import heartbeat
from app.core.config import Config
from app.core.db import Database
from app.core.errors import StartFailed
from app.core.redis import make_redis, redis_settings
from app.idempotency.models import Replay
from app.instances.models import Instance
from app.secrets import keyfile
from app.secrets.box import SecretBox
from app.secrets.keyfile import KEY_FILE
from app.secrets.rotation import reencrypt, rotate
from app.secrets.startup import PROBE_SECTION, PROBE_TEXT, load_box
from app.settings.models import SettingsSection
from app.tables import METADATA
from tests.support.service import ROOT, command, environment, running

pytestmark = pytest.mark.process

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OLD, NEW = "old-key-old-key-old-key-old-key-old-key", "new-key-new-key-new-key-new-key-new-key"
API_KEY = "0123456789abcdef0123456789abcdef"
FOREIGN = SecretBox("another-another-another-another-another").encrypt("not ours")


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    db = Database(url)
    try:
        yield db
    finally:
        await db.close()


def settings_of(url: str, folder: Path, **given: object) -> Config:
    return Config.model_validate({"data_dir": folder, "database_url": url, **given})


async def fill(db: Database, box: SecretBox) -> None:
    """An encrypted value in a column, in a wide text, and deep inside JSON; and texts that only look like one."""
    stored = {"tokens": [{"value": box.encrypt("bot token"), "note": FOREIGN}], "size": 3}
    instance = Instance(
        app_type="sonarr",
        name="TV",
        url="http://tv:8989",
        api_key=box.encrypt(API_KEY),
        overrides={"note": "gAAAAA is how they begin"},
        created_at=NOON,
        updated_at=NOON,
    )
    replay = Replay(
        caller="key:1",
        key="k",
        fingerprint="f",
        attempt="a",
        created_at=NOON,
        status=201,
        body=box.encrypt("x" * 300_000),
    )
    async with db.session() as session:
        session.add_all([instance, replay, SettingsSection(name="apprise", stored=stored, updated_at=NOON)])


async def assert_encrypted_with(db: Database, box: SecretBox) -> None:
    async with db.reading() as session:
        instance = (await session.exec(select(Instance))).one()
        replay = (await session.exec(select(Replay))).one()
        section = await session.get(SettingsSection, "apprise")
    assert box.try_decrypt(instance.api_key) == API_KEY
    assert instance.overrides == {"note": "gAAAAA is how they begin"}
    assert box.try_decrypt(replay.body or "") == "x" * 300_000
    assert section is not None
    assert box.try_decrypt(section.stored["tokens"][0]["value"]) == "bot token"
    assert section.stored["tokens"][0]["note"] == FOREIGN
    assert section.stored["size"] == 3


def modes(folder: Path, pattern: str) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.glob(pattern)}


def content(folder: Path, pattern: str) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob(pattern))


@pytest.mark.storage
@pytest.mark.asyncio
async def test_every_encrypted_value_is_encrypted_with_the_new_key(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url) as db:
        await load_box(db, settings_of(database_url, tmp_path, secret_key=OLD))
        await fill(db, SecretBox(OLD))
        assert await rotate(settings_of(database_url, tmp_path, secret_key=OLD), METADATA, NEW) == 4
        await assert_encrypted_with(db, SecretBox(NEW))
        box = await load_box(db, settings_of(database_url, tmp_path, secret_key=NEW))
        async with db.reading() as session:
            check = await session.get(SettingsSection, PROBE_SECTION)
    assert check is not None
    assert box.try_decrypt(check.stored["sealed"]) == PROBE_TEXT


@pytest.mark.storage
@pytest.mark.asyncio
async def test_a_failure_changes_nothing(database_url: str, tmp_path: Path) -> None:
    class Failing(SecretBox):
        left = 2

        def encrypt(self, plain: str) -> str:
            if not self.left:
                raise RuntimeError("the power is gone")
            self.left -= 1
            return super().encrypt(plain)

    async with opened(database_url) as db:
        await fill(db, SecretBox(OLD))
        with pytest.raises(RuntimeError, match="power"):
            await reencrypt(db, METADATA, SecretBox(OLD), Failing(NEW))
        await assert_encrypted_with(db, SecretBox(OLD))


@pytest.mark.storage
@pytest.mark.asyncio
async def test_a_new_table_takes_part(database_url: str) -> None:
    table = Table(
        "tomorrow",
        SQLModel.metadata,
        Column("a", Integer, primary_key=True),
        Column("b", Integer, primary_key=True),
        Column("narrow", String(20)),
        Column("token", String(500)),
    )
    old, new = SecretBox(OLD), SecretBox(NEW)
    try:
        async with opened(database_url) as db:
            async with db.engines[0].begin() as connection:
                await connection.run_sync(table.create)
                await connection.execute(
                    table.insert(), [{"a": 1, "b": n, "narrow": "n", "token": old.encrypt(str(n))} for n in range(3)]
                )
            assert await reencrypt(db, METADATA, old, new) == 3
            async with db.engines[0].begin() as connection:
                rows = (await connection.execute(table.select().order_by(table.c.b))).all()
        assert [new.try_decrypt(row.token) for row in rows] == ["0", "1", "2"]
    finally:
        SQLModel.metadata.remove(table)


@pytest.mark.asyncio
async def test_the_key_file_is_exchanged(database_url: str, tmp_path: Path) -> None:
    config = settings_of(database_url, tmp_path)
    path = tmp_path / KEY_FILE
    async with opened(database_url) as db:
        await fill(db, await load_box(db, config))
        before = keyfile.read(path)
        assert await rotate(config, METADATA, None) == 4
        assert keyfile.read(path) != before
        assert keyfile.read(keyfile.previous_file(path)) == before
        await assert_encrypted_with(db, await load_box(db, config))
    assert not keyfile.prepared_file(path).exists()
    assert modes(tmp_path, "secret.key*") == {0o600}


@pytest.mark.asyncio
async def test_no_value_of_the_old_key_stays_in_the_file(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url) as db:
        await fill(db, SecretBox(OLD))
        async with db.reading() as session:
            token = (await session.exec(select(Instance.api_key))).one()
    assert token.encode() in content(tmp_path, "huntarr.db*")
    await rotate(settings_of(database_url, tmp_path, secret_key=OLD), METADATA, NEW)
    assert token.encode() not in content(tmp_path, "huntarr.db*")


@pytest.mark.parametrize("moment", ["prepared", "reencrypted", "old key kept", "exchanged"])
@pytest.mark.asyncio
async def test_a_crash_at_any_moment_leaves_a_key_that_fits(database_url: str, tmp_path: Path, moment: str) -> None:
    config, path = settings_of(database_url, tmp_path), tmp_path / KEY_FILE
    async with opened(database_url) as db:
        old = await load_box(db, config)
        await fill(db, old)
        new = SecretBox(keyfile.prepare(path))
        if moment != "prepared":
            await reencrypt(db, METADATA, old, new)
        if moment == "old key kept":
            os.link(path, keyfile.previous_file(path))
        if moment == "exchanged":
            keyfile.activate(path)
        await assert_encrypted_with(db, await load_box(db, config))
        assert await rotate(config, METADATA, None) == 4
        await assert_encrypted_with(db, await load_box(db, config))
    assert not keyfile.prepared_file(path).exists()


@pytest.mark.asyncio
async def test_a_wrong_key_stops_the_start_of_an_empty_installation(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url) as db:
        await load_box(db, settings_of(database_url, tmp_path, secret_key=OLD))
        await load_box(db, settings_of(database_url, tmp_path, secret_key=OLD))
        with pytest.raises(StartFailed, match="another key"):
            await load_box(db, settings_of(database_url, tmp_path, secret_key=NEW))


@pytest.mark.asyncio
async def test_a_wrong_key_stops_the_start_of_a_database_without_a_check(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url) as db:
        await fill(db, SecretBox(OLD))
        with pytest.raises(StartFailed, match="another key"):
            await load_box(db, settings_of(database_url, tmp_path, secret_key=NEW))


@pytest.mark.asyncio
async def test_a_prepared_key_that_does_not_fit_is_not_taken(database_url: str, tmp_path: Path) -> None:
    config, path = settings_of(database_url, tmp_path), tmp_path / KEY_FILE
    async with opened(database_url) as db:
        await load_box(db, config)
        keyfile.prepare(path)
        path.write_text("a-key-that-somebody-put-there-by-mistake\n")
        with pytest.raises(StartFailed, match="another key"):
            await load_box(db, config)
    assert keyfile.prepared_file(path).exists()


@pytest.mark.asyncio
async def test_wrong_old_and_new_keys_are_refused(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url) as db:
        await fill(db, SecretBox(OLD))
        right = settings_of(database_url, tmp_path, secret_key=OLD)
        with pytest.raises(StartFailed, match="at least 32 characters"):
            await rotate(right, METADATA, "short")
        with pytest.raises(StartFailed, match="another key"):
            await rotate(settings_of(database_url, tmp_path, secret_key="w" * 40), METADATA, NEW)
        await rotate(right, METADATA, NEW)
        with pytest.raises(StartFailed, match="with the new key already"):
            await rotate(right, METADATA, NEW)
        await assert_encrypted_with(db, SecretBox(NEW))


@pytest.mark.asyncio
async def test_it_refuses_while_somebody_works_on_the_data_folder(database_url: str, tmp_path: Path) -> None:
    config = settings_of(database_url, tmp_path, secret_key=OLD)
    with (
        keyfile.shared_lock(tmp_path),
        keyfile.shared_lock(tmp_path),
        pytest.raises(StartFailed, match="stop it first"),
    ):
        await rotate(config, METADATA, NEW)
    with (
        keyfile.exclusive_lock(tmp_path),
        pytest.raises(StartFailed, match="rotate-key"),
        keyfile.shared_lock(tmp_path),
    ):
        pass
    assert await rotate(config, METADATA, NEW) == 1


@pytest.mark.parametrize("kind", [heartbeat.GATEWAYS, heartbeat.WORKERS])
@pytest.mark.asyncio
async def test_it_refuses_while_somebody_elsewhere_is_alive(
    database_url: str, redis_url: str, tmp_path: Path, kind: str
) -> None:
    config = settings_of(database_url, tmp_path, secret_key=OLD, redis_url=SecretStr(redis_url))
    redis = make_redis(redis_settings(config))
    await heartbeat.beat(redis, "elsewhere:1:abc", NOON, heartbeat.COUNTS_FOR, kind)
    with pytest.raises(StartFailed, match="stop it everywhere"):
        await rotate(config, METADATA, NEW, clock=lambda: NOON)
    await heartbeat.leave(redis, "elsewhere:1:abc", kind)
    await redis.aclose()
    assert await rotate(config, METADATA, NEW, clock=lambda: NOON) == 1


@pytest.mark.asyncio
async def test_it_needs_all_stopped_when_redis_is_unavailable(database_url: str, tmp_path: Path) -> None:
    nowhere = SecretStr(f"unix://{tmp_path / 'nobody.sock'}")
    config = settings_of(database_url, tmp_path, secret_key=OLD, redis_url=nowhere)
    with pytest.raises(StartFailed, match="--all-stopped"):
        await rotate(config, METADATA, NEW)
    assert await rotate(config, METADATA, NEW, all_stopped=True) == 1


@pytest.mark.parametrize("way", ["file", "environment", "standard input"])
@pytest.mark.asyncio
async def test_the_command(tmp_path: Path, way: str) -> None:
    given = {} if way == "file" else {"HUNTARR_SECRET_KEY": OLD}
    if way == "environment":
        given["HUNTARR_NEW_SECRET_KEY"] = NEW
    done = subprocess.run(  # noqa: ASYNC221, S603 - the command as a user runs it; nothing else runs in this test
        command("rotate-key"),
        cwd=ROOT,
        env=environment(tmp_path, given),
        text=True,
        capture_output=True,
        timeout=50,
        input=f"{NEW}\n",
    )
    assert done.returncode == 0, done.stderr
    assert "1 secrets are encrypted with the new key" in done.stdout
    assert OLD not in done.stdout + done.stderr
    assert NEW not in done.stdout + done.stderr
    assert all(json.loads(line) for line in done.stdout.splitlines()[:-1])
    url = f"sqlite+aiosqlite:///{tmp_path / 'huntarr.db'}"
    async with opened(url) as db:
        await load_box(db, settings_of(url, tmp_path, **({} if way == "file" else {"secret_key": NEW})))


def rotate_key(folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 - our own program
        command("rotate-key"), cwd=ROOT, env=environment(folder, {}), text=True, capture_output=True, timeout=50
    )


def test_a_running_service_is_left_alone_and_the_next_one_finds_everything(tmp_path: Path) -> None:
    owner = {"username": "owner", "password": "correct horse battery"}
    with running(tmp_path) as service, httpx.Client(base_url=service.url) as client:
        assert client.post("/api/setup", json={**owner, "setup_token": service.setup_token}).status_code == 201
        token = client.post("/api/auth/login", json=owner).json()["data"]["csrf_token"]
        session = dict(client.cookies)
        headers = {"X-CSRF-Token": token, "Idempotency-Key": "once"}
        given = {"name": "TV", "url": "http://127.0.0.1:9", "api_key": API_KEY}
        made = client.post("/api/instances/sonarr", json=given, headers=headers)
        assert made.status_code == 201
        refused = rotate_key(tmp_path)
        assert refused.returncode == 1
        assert "stop it first" in refused.stderr
    done = rotate_key(tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("3 secrets are encrypted with the new key.")
    with running(tmp_path) as service, httpx.Client(base_url=service.url, cookies=session) as client:
        again = client.post("/api/instances/sonarr", json=given, headers=headers)
        # What makes two requests the same is hashed with the key, so nobody can say it of this one: not done twice.
        assert again.status_code == 409, again.text
        tested = client.post("/api/instances/sonarr/1/test", headers={"X-CSRF-Token": token})
        assert tested.json()["data"]["error_code"] == "unreachable"
    (tmp_path / "secret.key").write_text("w" * 43 + "\n")
    wrong = subprocess.run(  # noqa: S603 - our own program
        command("serve"), cwd=ROOT, env=environment(tmp_path, {}), text=True, capture_output=True, timeout=50
    )
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("huntarr: The stored secrets were encrypted with another key")
