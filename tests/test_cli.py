"""The command line as a user meets it: real processes, their exit codes, last words, and what they leave behind."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from app import cli
from app.cli import GRACE_SECONDS, main
from app.core import embedded_redis, heartbeat, sqlite, stdout
from app.core.config import Config
from app.core.migrations import CONNECT_SECONDS
from app.core.redis import socket_path
from app.logs import writer
from tests.support import stores
from worker import main as worker

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]

ROOT = Path(__file__).resolve().parents[1]
SECRET = "a-value-that-must-not-be-shown"
KEY = "huntarr_key-of-the-command-line-tests-0123456789"
START_SECONDS = 30  # for a machine that does much else; what is promised is measured elsewhere
FAIL_SECONDS = 5
END_SECONDS = 20


def environment(folder: Path, **config: object) -> dict[str, str]:
    """Ours and nobody else's: no HUNTARR_ variable of the machine counts."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HUNTARR_")}
    given = {"data_dir": folder, "port": 0, "log_format": "json", "api_key": KEY, **config}
    return clean | {f"HUNTARR_{name.upper()}": str(value) for name, value in given.items()}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "app", *arguments]


Result = subprocess.CompletedProcess[str]


def ran(folder: Path, *arguments: str, seconds: float = START_SECONDS, **config: object) -> Result:
    """A command that ends by itself."""
    return subprocess.run(  # noqa: S603 - our own command line
        command(*arguments),
        env=environment(folder, **config),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


@dataclass
class Served:
    """A `huntarr serve` that listens."""

    process: "subprocess.Popen[str]"
    url: str
    folder: Path
    headers: dict[str, str]

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(self.url + path, headers=self.headers, timeout=20, **options)

    def post(self, path: str, body: object = None) -> httpx.Response:
        return httpx.post(self.url + path, headers=self.headers, json=body, timeout=20)

    def hunts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/api/hunts").json()["data"]["items"]
        return found

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@contextmanager
def serving(
    folder: Path, *arguments: str, cwd: Path = ROOT, lines: list[str] | None = None, **config: object
) -> Iterator[Served]:
    """`lines` gets what it says, up to its address."""
    process = subprocess.Popen(  # noqa: S603 - our own command line
        command("serve", *arguments),
        env=environment(folder, **config),
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        url = _address(process, [] if lines is None else lines)
        _wait_until_ready(f"{url}/ping")
        yield Served(process, url, folder, {"X-Api-Key": str(config.get("api_key", KEY))})
    finally:
        process.kill()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def _address(process: "subprocess.Popen[str]", said: list[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        said.append(line)
        if '"huntarr listens"' in line:
            url: str = json.loads(line)["url"]
            return url
    raise AssertionError("".join(said))


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"{url} does not answer")


def said_one_sentence(result: Result) -> str:
    """What a failed start says; it left with another code than 0 and without a traceback."""
    assert result.returncode not in (0, -signal.SIGKILL), result.stdout
    [sentence] = result.stderr.splitlines()
    assert sentence.startswith("huntarr: ")
    assert sentence.endswith(".")
    assert "Traceback" not in result.stdout
    return sentence


def gone(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=10)
    return not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


# What serves


def test_it_serves_with_its_own_redis_and_ends_with_0(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        parts = server.get("/api/ready").json()["data"]
        assert {name: part["ok"] for name, part in parts.items() if isinstance(part, dict)} == {
            "database": True,
            "redis": True,
            "worker": True,
        }
        assert httpx.get(f"{server.url}/api/stats", timeout=20).status_code == 401
        family = server.family()
        assert [one.name() for one in family if "server" in one.name()]
        assert server.end() == 0
        assert gone(family)


def test_sigint_ends_it_too(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        family = server.family()
        assert server.end(signal.SIGINT) == 0
        assert gone(family)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends children of a killed parent on Linux only")
def test_a_killed_one_takes_its_redis_along(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        family = server.family()
        assert family
        assert server.end(signal.SIGKILL) == -signal.SIGKILL
        assert gone(family)
    with serving(tmp_path) as server:  # and nothing it left behind stops the next one
        assert server.get("/api/ready").status_code == 200


def test_a_restart_keeps_everything(tmp_path: Path) -> None:
    body = {"name": "TV", "url": "http://127.0.0.1:1", "api_key": SECRET}
    with serving(tmp_path) as server:
        made = server.post("/api/instances/sonarr", body).json()["data"]
        server.post("/api/hunting/pause", {})
        key = server.headers
        assert server.end() == 0
    with serving(tmp_path) as server:
        assert server.headers == key
        found = server.get(f"/api/instances/sonarr/{made['id']}").json()["data"]
        assert (found["name"], found["created_at"]) == (made["name"], made["created_at"])
        assert server.get("/api/settings/general").json()["data"]["hunting_paused"] is True


def test_the_folder_may_be_named_from_where_one_stands(tmp_path: Path) -> None:
    with serving(tmp_path, cwd=tmp_path, data_dir="data") as server:
        assert server.get("/api/ready").status_code == 200
        assert server.end() == 0
    assert (tmp_path / "data" / "redis" / "server.log").exists()
    assert not socket_path(tmp_path / "data").parent.exists()


def test_the_secret_key_is_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600
        before = (tmp_path / "secret.key").read_text()
        server.end()
    with serving(tmp_path):
        assert (tmp_path / "secret.key").read_text() == before


def test_keys_from_the_environment_leave_no_files(tmp_path: Path) -> None:
    with serving(tmp_path, api_key="k" * 40, secret_key="s" * 40) as server:
        assert server.get("/api/stats").status_code == 200
        assert not list(tmp_path.glob("*.key"))
        assert "k" * 40 not in " ".join(psutil.Process(server.process.pid).cmdline())


def test_two_gateways_of_one_folder_share_their_redis(tmp_path: Path) -> None:
    with serving(tmp_path) as first, serving(tmp_path, "--no-worker") as second:
        assert second.family() == []
        for server in (first, second):
            assert server.get("/api/ready").status_code == 200
        second.end()
        assert first.get("/api/ready").status_code == 200


def test_gateway_and_worker_as_two_processes(tmp_path: Path, redis_url: str) -> None:
    with serving(tmp_path, "--no-worker", redis_url=redis_url) as server:
        assert server.family() == []
        assert server.get("/api/ready").status_code == 503
        other = subprocess.Popen(  # noqa: S603 - our own command line
            command("worker"), env=environment(tmp_path, redis_url=redis_url), cwd=ROOT, stdout=subprocess.DEVNULL
        )
        try:
            deadline = time.monotonic() + START_SECONDS
            while server.get("/api/ready").status_code != 200 and time.monotonic() < deadline:
                time.sleep(0.1)
            assert server.get("/api/ready").status_code == 200
            other.send_signal(signal.SIGTERM)
            assert other.wait(30) == 0
        finally:
            other.kill()
            other.wait(10)


def test_it_answers_while_redis_is_away(tmp_path: Path) -> None:
    with serving(tmp_path, redis_url="redis://127.0.0.1:1/0") as server:
        assert server.get("/api/stats").status_code == 200
        body = {"name": "Films", "url": "http://127.0.0.1:1", "api_key": "k"}
        assert server.post("/api/instances/radarr", body).status_code == 201
        assert server.post("/api/hunts", {}).status_code == 503
        assert server.end() == 0


# How it ends


def test_what_is_allowed_to_last_at_the_end_adds_up_to_20_seconds() -> None:
    leaving = 2 * heartbeat.LEAVE_SECONDS  # as a gateway and as a worker
    background = worker.HAND_BACK_SECONDS + worker.CLOSE_SECONDS
    stores = sqlite.END_SECONDS + embedded_redis.STOP_SECONDS
    assert GRACE_SECONDS + background + leaving + writer.FLUSH_SECONDS + stores + stdout.FLUSH_SECONDS <= END_SECONDS


@contextmanager
def mute() -> Iterator[int]:
    """The port of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_sigterm_waits_neither_for_listeners_nor_for_a_slow_app(tmp_path: Path) -> None:
    with mute() as port, serving(tmp_path) as server, ThreadPoolExecutor() as threads:
        body = {"name": "TV", "url": f"http://127.0.0.1:{port}", "api_key": SECRET}
        assert server.post("/api/instances/sonarr", body).status_code == 201
        hunt = threads.submit(server.post, "/api/hunts?wait=60", {})
        with httpx.stream("GET", f"{server.url}/api/events", headers=server.headers, timeout=20) as stream:
            while not [one for one in server.hunts() if one["status"] == "running"]:
                time.sleep(0.05)
            server.process.send_signal(signal.SIGTERM)
            assert server.end() == 0  # and a second one changes nothing
            assert stream.read().startswith(b"retry: ")
        assert (hunt.result().status_code, hunt.result().json()["data"]["hunts"][0]["status"]) == (202, "running")
    with serving(tmp_path, "--no-worker") as server:  # nobody called it an end: the next worker goes on
        assert server.hunts()[0]["status"] in ("queued", "running")


@pytest.mark.parametrize("arguments", [["serve"], ["serve", "--no-worker"], ["worker"]])
def test_sigterm_while_redis_hangs(tmp_path: Path, arguments: list[str]) -> None:
    with mute() as port:
        process = subprocess.Popen(  # noqa: S603 - our own command line
            command(*arguments),
            env=environment(tmp_path, redis_url=f"redis://127.0.0.1:{port}"),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdout is not None
            assert any("worker started" in line or "startup complete" in line for line in process.stdout)
            process.send_signal(signal.SIGTERM)
            assert process.wait(START_SECONDS) == 0


# What does not start


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = ran(tmp_path, "serve", seconds=FAIL_SECONDS + 10, port=port)
    assert said_one_sentence(result) == f"huntarr: Cannot listen on port {port} (HUNTARR_PORT): Address already in use."
    assert list(tmp_path.iterdir()) == []


def test_a_second_one_on_the_same_port_disturbs_nobody(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        port = server.url.rsplit(":", 1)[1]
        assert "HUNTARR_PORT" in said_one_sentence(ran(tmp_path, "serve", port=port))
        assert server.get("/api/ready").status_code == 200


WRONG = {
    "host": ["no such host", "192.0.2.77"],
    "port": ["http", "-1", "65536", "1.5"],
    "data_dir": [f"/dev/null/{SECRET}"],
    "database_url": [f"mysql://u:{SECRET}@db/x", f"postgresql://u:{SECRET}@db:{SECRET}/x", SECRET],
    "redis_url": [f"http://:{SECRET}@redis", f"redis://:{SECRET}@redis:{SECRET}", f"redis://redis/{SECRET}", SECRET],
    "secret_key": ["too-short-a-key"],
    "api_key": ["too-short-a-key", f"with spaces in it {SECRET}", f"ключ-{SECRET * 2}"],
    "admin_username": ["n" * 65],
    "admin_password": [SECRET[:9]],
    "log_level": ["LOUD"],
    "log_format": ["xml"],
    "tmdb_url": [f"ftp://{SECRET}", f"https://u:{SECRET}@tmdb/3"],
    "base_url": [f"/a?{SECRET}", "/a/../b", "http://a/b"],
    "trusted_proxies": [f"10.0.0.0/8, {SECRET}", "10.0.0.0/33"],
    "cors_origins": ["*", f"ftp://{SECRET}", "https://a.example/path"],
}


def test_the_table_of_wrong_values_is_whole() -> None:
    assert set(WRONG) == set(Config.model_fields)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_wrong_value_is_named_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    for variable, text in environment(tmp_path, **{name: value}).items():
        monkeypatch.setenv(variable, text)
    monkeypatch.setattr(cli, "setup_logging", lambda *_: None)  # it would stay set up in this process
    assert main(["serve"]) == 1
    [sentence] = capsys.readouterr().err.splitlines()
    assert sentence.startswith(f"huntarr: HUNTARR_{name.upper()} is ")
    assert sentence.endswith(".")
    if name != "data_dir":  # a folder is no secret, and which one it is helps
        assert value not in sentence or value == "*"
        assert SECRET not in sentence


def test_a_file_in_the_place_of_the_data_folder(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    assert "HUNTARR_DATA_DIR" in said_one_sentence(ran(file, "serve", seconds=FAIL_SECONDS + 10))


@pytest.mark.parametrize("content", [b"", b"short", b"\xff\xfe\x00 not text"])
def test_a_key_file_without_a_key(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret.key").write_bytes(content)
    sentence = said_one_sentence(ran(tmp_path, "serve"))
    assert f"The key file {tmp_path / 'secret.key'} " in sentence
    assert _leftovers(tmp_path) == []


def test_another_secret_key_than_the_database_was_made_with(tmp_path: Path) -> None:
    body = {"name": "TV", "url": "http://127.0.0.1:1", "api_key": SECRET}
    with serving(tmp_path) as server:
        assert server.post("/api/instances/sonarr", body).status_code == 201
        server.end()
    for arguments in (("serve",), ("worker",)):
        sentence = said_one_sentence(ran(tmp_path, *arguments, secret_key="another-secret-key-0123456789-0123"))
        assert "were encrypted with another key" in sentence
        assert "HUNTARR_SECRET_KEY" in sentence
    assert _leftovers(tmp_path) == []
    with serving(tmp_path) as server:
        assert len(server.get("/api/instances").json()["data"]) == 1


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "huntarr.db").write_bytes(b"no database " * 1000)
    assert "The database cannot be opened" in said_one_sentence(ran(tmp_path, "serve"))


def test_a_database_of_a_newer_version(tmp_path: Path) -> None:
    assert ran(tmp_path, "migrate").returncode == 0
    with sqlite3.connect(tmp_path / "huntarr.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    for arguments in (("serve",), ("worker",), ("migrate",)):
        assert "a newer Huntarr used it" in said_one_sentence(ran(tmp_path, *arguments))


def test_a_database_server_that_is_not_there(tmp_path: Path) -> None:
    url = f"postgresql://huntarr:{SECRET}@127.0.0.1:1/huntarr"
    sentence = said_one_sentence(ran(tmp_path, "serve", database_url=url))
    assert "The database cannot be opened" in sentence
    assert SECRET not in sentence


def test_a_database_server_that_says_nothing(tmp_path: Path) -> None:
    with mute() as port:
        sentence = said_one_sentence(ran(tmp_path, "serve", database_url=f"postgresql://u:{SECRET}@127.0.0.1:{port}/x"))
    assert sentence == f"huntarr: The database cannot be opened: no answer within {CONNECT_SECONDS} seconds."


def test_a_redis_that_ends_at_once_ends_the_start(tmp_path: Path) -> None:
    broken = tmp_path / "bin" / "valkey-server"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho '7:M 26 Nov 2026 04:35:19.123 # Out of luck.'\nexit 1\n")
    broken.chmod(0o755)
    result = started_with(
        f"from app.core import embedded_redis as e; e.find_server = lambda: {str(broken)!r}", tmp_path
    )
    assert said_one_sentence(result) == (
        "huntarr: The embedded Redis does not start: Out of luck. Its log is redis/server.log in the data folder."
    )
    assert result.stdout == ""  # it was not tried again and again
    assert _leftovers(tmp_path) == []


def started_with(change: str, folder: Path) -> Result:
    return subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-c", f"import sys; {change}; from app.cli import main; sys.exit(main(['serve']))"],
        env=environment(folder) | {"PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )


def run_without_rights(shell: str, folder: Path) -> Result:
    """As a user who owns nothing special: root, too, loses what lets it write everywhere."""
    drop = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"] if os.getuid() == 0 else []
    return subprocess.run(  # noqa: S603 - our own command line
        [*drop, "bash", "-c", f'{shell}; exec "$@"', "bash", *command("serve")],
        env=environment(folder),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )


def test_a_full_disk(tmp_path: Path) -> None:
    sentence = said_one_sentence(run_without_rights("ulimit -f 0", tmp_path))  # files cannot grow
    assert sentence == f"huntarr: HUNTARR_DATA_DIR is not usable: {tmp_path}: File too large."
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not installed")
@pytest.mark.parametrize(
    ("name", "said"), [("", "HUNTARR_DATA_DIR is not usable"), ("redis.lock", "cannot be written")]
)
def test_files_of_another_user(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "redis.lock").touch()
    (tmp_path / name).chmod(0o500)
    if os.getuid() == 0:
        os.chown(tmp_path / name, 65534, 65534)
    assert said in said_one_sentence(run_without_rights("true", tmp_path))


def _leftovers(folder: Path) -> list[str]:
    """Servers that a failed start left running for this folder."""
    lines = [" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"])]
    return [line for line in lines if str(folder) in line and "server" in line]


# The other commands


def test_migrate_says_whether_there_was_anything_to_do(tmp_path: Path) -> None:
    first, second = ran(tmp_path, "migrate"), ran(tmp_path, "migrate")
    assert (first.returncode, second.returncode) == (0, 0)
    assert "database upgraded" in first.stdout
    assert "database is up to date" in second.stdout


def test_openapi_prints_what_is_committed_in_a_bare_checkout(tmp_path: Path) -> None:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("HUNTARR_")}
    done = subprocess.run(  # noqa: S603 - our own command line
        command("openapi", "--write"),
        env={**bare, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        timeout=START_SECONDS,
        check=True,
    )
    assert done.stdout == b""
    document = json.loads((tmp_path / "openapi.json").read_text())
    assert document["openapi"].startswith("3.1")
    assert [path.name for path in tmp_path.iterdir()] == ["openapi.json"]


@pytest.mark.parametrize("arguments", [[], ["hunt"], ["serve", "--port", "1"]])
def test_a_wrong_command_line_shows_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: huntarr" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.strip() == "0.1.0"


def test_the_server_binary_is_found() -> None:
    with stores.redis_server() as url:
        assert url.startswith("unix://")
