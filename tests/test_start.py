"""A start on odd machines: what it says of itself, which signals it obeys, and that nobody has to read its output."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from app import cli
from app.cli import _announce
from app.core.config import Config
from app.core.data_folder import default_folder
from tests.test_cli import KEY, ROOT, START_SECONDS, Served, command, environment, ran, said_one_sentence, serving

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]

ODD = "a?b %41 ü#x"


def test_the_first_line_says_where_everything_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on a machine without the locale, with quotes around values, in a folder with an odd name."""
    folder = tmp_path / ODD
    for name, value in {"LANG": "xx_XX.UTF-8", "LC_COLLATE": "yy_YY", "TZ": '":Europe/Berlin"'}.items():
        monkeypatch.setenv(name, value)
    lines: list[str] = []
    with serving(folder, data_dir=f'"{folder}"', prot="9705", lines=lines) as server:
        assert server.get("/api/ready").status_code == 200
        assert server.get("/api/settings/general").json()["data"]["timezone"] == "Europe/Berlin"
        assert server.end() == 0
    said = {line["event"]: line for line in (json.loads(line) for line in lines if line.startswith("{"))}
    assert said["variable is not known"]["nearest"] == "HUNTARR_PORT"
    told = said["huntarr listens"]
    assert told["data_folder"] == str(folder)
    assert told["database"] == str(folder / "huntarr.db")
    assert (told["redis"], told["time_zone"]) == ("embedded", "Europe/Berlin")
    assert [path.name for path in tmp_path.iterdir()] == [ODD]  # nothing lies under another name


def test_addresses_in_the_log_hold_no_password(tmp_path: Path) -> None:
    lines: list[str] = []
    url = f"redis://:{KEY}@127.0.0.1:1/3"
    with serving(tmp_path, "--no-worker", redis_url=url, lines=lines):
        assert json.loads(lines[-1])["redis"] == "redis://127.0.0.1:1/3"
    assert KEY not in "".join(lines)


@pytest.mark.parametrize(
    ("host", "url"),
    [("::1", "http://[::1]:9705/x"), ("::", "http://localhost:9705/x"), ("127.0.0.1", "http://127.0.0.1:9705/x")],
)
def test_an_address_of_ipv6_has_brackets(monkeypatch: pytest.MonkeyPatch, host: str, url: str) -> None:
    class Listener:
        def getsockname(self) -> tuple[str, int]:
            return host, 9705

    monkeypatch.setattr(cli.log, "info", lambda *_, **__: None)
    assert _announce(Config(base_url="/x"), Listener(), {}) == url  # type: ignore[arg-type] # only its name is read


def test_a_tz_that_is_not_understood_is_one_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Belrin")
    [warning] = [line for line in ran(tmp_path, "migrate").stdout.splitlines() if "warning" in line]
    assert {"event": "TZ is not understood", "given": "Europe/Belrin", "time_zone": "UTC"}.items() <= json.loads(
        warning
    ).items()


def test_sigterm_during_the_start_ends_it(tmp_path: Path) -> None:
    """As process 1 of a container it would not be killed by a signal that nobody handles."""
    with socket.create_server(("127.0.0.1", 0)) as database:
        url = f"postgresql://u:p@127.0.0.1:{database.getsockname()[1]}/x"
        process = subprocess.Popen(  # noqa: S603 - our own command line
            command("serve"), env=environment(tmp_path, database_url=url), cwd=ROOT, stdout=subprocess.DEVNULL
        )
        connection, _ = database.accept()  # it says nothing, so the start waits here
        process.send_signal(signal.SIGTERM)
        assert process.wait(START_SECONDS) == 0
        connection.close()


def test_nobody_has_to_read_stdout(tmp_path: Path) -> None:
    """A terminal after Ctrl-S, or a pipe whose reader sleeps: requests are answered, and SIGTERM ends it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    reader, writer = os.pipe()
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    process = subprocess.Popen(  # noqa: S603 - our own command line
        command("serve", "--no-worker"),
        env=environment(tmp_path, port=port, log_level="debug"),
        cwd=ROOT,
        stdout=writer,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    os.close(writer)
    try:
        server = Served(process, f"http://127.0.0.1:{port}", tmp_path, {"X-Api-Key": KEY})
        deadline = time.monotonic() + START_SECONDS
        while not _is_served(server) and time.monotonic() < deadline:
            time.sleep(0.1)
        for number in range(150):
            assert server.post(f"/api/no/such/call/{number}").status_code == 404
            assert server.get("/api/stats").status_code == 200
        assert server.end() == 0
    finally:
        process.kill()
        process.wait(10)
        os.close(reader)


def _is_served(server: Served) -> bool:
    try:
        return server.get("/ping").status_code == 200
    except httpx.TransportError:
        return False


# The data folder


def test_a_lost_key_file_is_not_replaced(tmp_path: Path) -> None:
    body = {"name": "TV", "url": "http://127.0.0.1:1", "api_key": "k" * 32}
    with serving(tmp_path) as server:
        assert server.post("/api/instances/sonarr", body).status_code == 201
        server.end()
    (tmp_path / "secret.key").rename(tmp_path / "copy")
    sentence = said_one_sentence(ran(tmp_path, "serve"))
    assert f"The key file {tmp_path / 'secret.key'} is gone" in sentence
    assert not (tmp_path / "secret.key").exists()
    (tmp_path / "copy").rename(tmp_path / "secret.key")
    with serving(tmp_path) as server:
        assert len(server.get("/api/instances").json()["data"]) == 1


def test_the_folder_is_that_of_the_checkout_wherever_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_folder({}) == ROOT / "data"
    (tmp_path / "data").mkdir()
    assert default_folder({}) == ROOT / "data"
    (tmp_path / "data" / "huntarr.db").touch()  # one that was made here before stays in use
    assert default_folder({}) == Path("data")


def test_an_installed_one_follows_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("app.core.data_folder.CHECKOUT", tmp_path)
    monkeypatch.setattr("app.core.data_folder.sys.platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_folder({"XDG_DATA_HOME": "/srv/share"}) == Path("/srv/share/huntarr")
    assert default_folder({"XDG_DATA_HOME": "relative"}) == tmp_path / "home/.local/share/huntarr"
    monkeypatch.setattr("app.core.data_folder.sys.platform", "darwin")
    assert default_folder({}) == tmp_path / "home/Library/Application Support/Huntarr"


def test_a_folder_whose_name_is_not_text_gets_a_sentence(tmp_path: Path) -> None:
    name = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    assert "HUNTARR_DATA_DIR is wrong: it must be UTF-8" in said_one_sentence(ran(Path(name), "migrate"))
    Path(name).mkdir()
    result = subprocess.run(  # noqa: S603 - our own command line
        command("migrate"),
        env=environment(Path("data")) | {"PYTHONPATH": str(ROOT)},
        cwd=name,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    assert "the name of the folder is not UTF-8" in said_one_sentence(result)
