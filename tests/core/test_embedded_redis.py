"""The Redis that we start ourselves: on any machine, without files, and nobody can be in its way."""

import asyncio
import os
import stat
import sys
import tempfile
from pathlib import Path

import pytest
import redis as sync_redis

from app.core import embedded_redis as module
from app.core.config import Config
from app.core.embedded_redis import embedded_redis, find_server
from app.core.errors import StartFailed
from app.core.redis import make_redis, redis_settings, socket_path

pytestmark = [pytest.mark.asyncio, pytest.mark.process]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setattr(module.log, "warning", lambda *_, **__: None)
    return Config(data_dir=tmp_path)


async def stored(config: Config) -> None:
    """A run in which something is stored."""
    async with embedded_redis(config):
        redis = make_redis(redis_settings(config), connections=1)
        for number in range(50):
            await redis.set(f"key:{number}", "x" * 100)
        await redis.aclose()


async def count(config: Config) -> int:
    """How many keys a new run finds."""
    async with embedded_redis(config):
        redis = make_redis(redis_settings(config), connections=1)
        found = int(await redis.dbsize())
        await redis.aclose()
        return found


# --- nothing on the disk ----------------------------------------------------------------------------------------------


async def test_it_writes_no_file(config: Config) -> None:
    for left in ("appendonlydir", "damaged"):  # of an earlier version
        (config.data_dir / "redis" / left).mkdir(parents=True)
        (config.data_dir / "redis" / left / "file").write_bytes(b"old")
    await stored(config)
    assert [path.name for path in (config.data_dir / "redis").iterdir()] == ["server.log"]
    assert await count(config) == 0


async def test_it_starts_again_when_it_dies(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.log, "error", lambda *_, **__: None)
    async with embedded_redis(config):
        redis = make_redis(redis_settings(config), connections=1)
        os.kill(int((await redis.info("server"))["process_id"]), 9)
        for _ in range(400):
            if await module._answers(socket_path(config.data_dir)):
                break
            await asyncio.sleep(0.05)
        assert await redis.ping()
        await redis.aclose()


# --- a machine that is not as ours -----------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["LANG", "LC_ALL", "LC_COLLATE", "LC_CTYPE"])
async def test_a_locale_that_the_machine_lacks(config: Config, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "de_XX.UTF-8")
    assert await count(config) == 0


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows it")
async def test_the_server_gets_none_of_our_secrets(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUNTARR_SECRET_KEY", "a-secret-of-the-service")
    async with embedded_redis(config):
        with sync_redis.Redis(unix_socket_path=str(socket_path(config.data_dir))) as client:
            seen = environment_of(int(client.info("server")["process_id"]))
    assert b"a-secret-of-the-service" not in seen


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def nothing_came_with_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Only what lies in the folder is on PATH."""
    monkeypatch.setattr(module, "PACKAGES", ("no_such_package",))
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


async def test_the_server_that_came_with_us_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "valkey-server", "echo 'Server v=99.0.0'")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert Path(find_server()).parent != tmp_path
    assert "site-packages" in find_server()


@pytest.mark.parametrize("version", ["7.0.15", "8.1.8", "10.0.0"])
async def test_one_on_path_is_taken_where_there_is_none(nothing_came_with_us: Path, version: str) -> None:
    found = script(nothing_came_with_us / "redis-server", f"echo 'Redis server v={version} sha=00000000:0 bits=64'")
    assert find_server() == found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("echo 'Redis server v=6.2.14 sha=0'", "is 6.2, and Huntarr needs 7.0 or newer"),
        ("echo hello", "of an unknown version"),
        ("exit 3", "of an unknown version"),
    ],
)
async def test_an_old_one_on_path_is_refused(nothing_came_with_us: Path, text: str, why: str) -> None:
    script(nothing_came_with_us / "redis-server", text)
    with pytest.raises(StartFailed, match=why):
        find_server()


async def test_none_at_all_is_said(nothing_came_with_us: Path) -> None:
    with pytest.raises(StartFailed, match="No Redis: set HUNTARR_REDIS_URL"):
        find_server()


async def test_a_binary_that_cannot_be_executed_is_one_sentence(
    config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "valkey-server"
    broken.write_bytes(b"\x7fELF not for this machine")
    broken.chmod(0o755)
    monkeypatch.setattr(module, "find_server", lambda: str(broken))
    with pytest.raises(StartFailed, match=rf"{broken} cannot be run: Exec format error\."):
        await count(config)
    broken.chmod(0o644)
    with pytest.raises(StartFailed, match="cannot be run: Permission denied"):
        await count(config)


async def test_its_last_words_are_in_the_sentence(
    config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = script(tmp_path / "valkey-server", "echo '7:M 26 Nov 2026 04:35:19.123 # Out of luck.' >&2; exit 1")
    monkeypatch.setattr(module, "find_server", lambda: broken)
    with pytest.raises(StartFailed, match=r"does not start: Out of luck\. Its log is redis/server\.log"):
        await count(config)


# --- its socket ------------------------------------------------------------------------------------------------------


async def test_nobody_can_name_its_folder_beforehand(
    config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for variable in ("XDG_RUNTIME_DIR", "TMPDIR"):
        monkeypatch.delenv(variable, raising=False)
    names = set()
    for name in ("a", "b"):
        each = Config(data_dir=tmp_path / name)
        async with embedded_redis(each):
            folder = socket_path(each.data_dir).parent
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            names.add(folder.name)
        assert not folder.exists()
    assert len(names) == 2


async def test_a_folder_that_somebody_else_put_there_is_not_used(config: Config) -> None:
    await stored(config)
    first = socket_path(config.data_dir).parent
    first.mkdir()
    first.chmod(0o755)  # open to others, as a stranger's would be, whatever the umask
    try:
        assert await count(config) == 0
        second = socket_path(config.data_dir).parent
        assert second != first
        assert list(first.iterdir()) == []
    finally:
        first.rmdir()
    target = config.data_dir / "elsewhere"
    target.mkdir(mode=0o700)
    second.symlink_to(target)
    try:
        assert await count(config) == 0
        assert socket_path(config.data_dir).parent not in (first, second)
    finally:
        second.unlink()


async def test_the_folder_of_the_last_start_is_used_again(config: Config) -> None:
    await stored(config)
    first = socket_path(config.data_dir)
    assert await count(config) == 0
    assert socket_path(config.data_dir) == first


async def test_the_runtime_folder_of_the_user_is_preferred(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = Path(tempfile.gettempdir()) / f"huntarr-runtime-{os.getpid()}"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    try:
        async with embedded_redis(config):
            assert socket_path(config.data_dir).parent.parent == runtime
    finally:
        runtime.rmdir()


async def test_a_temporary_folder_with_a_long_name(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    long = config.data_dir / ("x" * 100)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    assert await count(config) == 0
