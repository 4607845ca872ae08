"""Real torrent clients of the machine, each in a folder of its own, and torrents for them."""

import asyncio
import base64
import hashlib
import json
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

QBITTORRENT = shutil.which("qbittorrent-nox")
TRANSMISSION = shutil.which("transmission-daemon")
DELUGED, DELUGE_WEB = shutil.which("deluged"), shutil.which("deluge-web")
USER, PASSWORD = "huntarr", "a-password-for-tests"
# What qBittorrent stores of the password above: salt and PBKDF2-SHA512, 100,000 rounds.
ROUNDS = 100_000
PIECE_BYTES = 16384
START_SECONDS = 30.0


@dataclass(frozen=True)
class RunningClient:
    """A client that answers."""

    url: str
    folder: Path
    """Where it saves."""
    peer_port: int
    username: str = USER
    password: str = PASSWORD


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def bencode(value: object) -> bytes:
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, str):
        return bencode(value.encode())
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, list):
        return b"l%se" % b"".join(map(bencode, value))
    if isinstance(value, dict):
        return b"d%se" % b"".join(bencode(key) + bencode(value[key]) for key in sorted(value))
    raise TypeError(type(value))


def make_torrent(path: Path) -> bytes:
    """A torrent without a tracker, of one file or of all files in a folder."""
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    content = b"".join(each.read_bytes() for each in files)
    pieces = [content[at : at + PIECE_BYTES] for at in range(0, len(content), PIECE_BYTES)]
    info: dict[str, object] = {
        "name": path.name,
        "piece length": PIECE_BYTES,
        "pieces": b"".join(hashlib.sha1(each, usedforsecurity=False).digest() for each in pieces),
    }
    if path.is_dir():
        info["files"] = [{"length": each.stat().st_size, "path": list(each.relative_to(path).parts)} for each in files]
    else:
        info["length"] = len(content)
    return bencode({"info": info, "created by": "tests"})


@asynccontextmanager
async def qbittorrent(folder: Path) -> AsyncIterator[RunningClient]:
    """qBittorrent without anything that looks for peers by itself."""
    port, peer_port = free_port(), free_port()
    saves, config = folder / "saves", folder / "qBittorrent/config"
    saves.mkdir(parents=True)
    config.mkdir(parents=True)
    (config / "qBittorrent.conf").write_text(_qbittorrent_config(port, peer_port, saves))
    command = [str(QBITTORRENT), f"--profile={folder}", f"--webui-port={port}"]
    async with running(command, folder, f"http://127.0.0.1:{port}/"):
        yield RunningClient(f"http://127.0.0.1:{port}", saves, peer_port)


def _qbittorrent_config(port: int, peer_port: int, saves: Path) -> str:
    salt = b"0123456789abcdef"
    key = hashlib.pbkdf2_hmac("sha512", PASSWORD.encode(), salt, ROUNDS)
    stored = f"{base64.b64encode(salt).decode()}:{base64.b64encode(key).decode()}"
    return f"""[LegalNotice]
Accepted=true
[BitTorrent]
Session\\DHTEnabled=false
Session\\LSDEnabled=false
Session\\PeXEnabled=false
Session\\Port={peer_port}
Session\\Interface=lo
Session\\InterfaceAddress=127.0.0.1
Session\\DefaultSavePath={saves}
Session\\MultiConnectionsPerIp=true
Session\\QueueingSystemEnabled=false
[Network]
PortForwardingEnabled=false
[Preferences]
WebUI\\Address=127.0.0.1
WebUI\\Port={port}
WebUI\\Username={USER}
WebUI\\Password_PBKDF2="@ByteArray({stored})"
WebUI\\LocalHostAuth=true
WebUI\\UseUPnP=false
"""


@asynccontextmanager
async def transmission(folder: Path) -> AsyncIterator[RunningClient]:
    port, peer_port = free_port(), free_port()
    saves = folder / "saves"
    saves.mkdir(parents=True)
    command = [
        *(str(TRANSMISSION), "--foreground", "--config-dir", str(folder / "config"), "--port", str(port)),
        *("--rpc-bind-address", "127.0.0.1", "--peerport", str(peer_port), "--download-dir", str(saves)),
        *("--auth", "--username", USER, "--password", PASSWORD, "--no-dht", "--no-lpd", "--no-portmap"),
        *("--bind-address-ipv4", "127.0.0.1"),
    ]
    async with running(command, folder, f"http://127.0.0.1:{port}/transmission/rpc"):
        yield RunningClient(f"http://127.0.0.1:{port}", saves, peer_port)


@asynccontextmanager
async def deluge(folder: Path, *, labels: bool = True) -> AsyncIterator[RunningClient]:
    """The daemon and its web interface, whose password of a new installation is `deluge`."""
    port, daemon_port = free_port(), free_port()
    config = folder / "config"
    saves = folder / "saves"
    saves.mkdir(parents=True)
    config.mkdir()
    settings = {
        "download_location": str(saves),
        "enabled_plugins": ["Label"] if labels else [],
        **dict.fromkeys(("dht", "lsd", "upnp", "natpmp", "utpex"), False),
        "daemon_port": daemon_port,
        "listen_interface": "127.0.0.1",
    }
    (config / "core.conf").write_text(_deluge_file(1, settings))
    daemon = [str(DELUGED), "-d", "-c", str(config), "-p", str(daemon_port), "-i", "127.0.0.1"]
    web = [str(DELUGE_WEB), "-d", "-c", str(config), "-p", str(port), "-i", "127.0.0.1"]
    process = await _start(daemon, folder)
    try:
        await _port_opens(daemon_port)
        _host_list(config, daemon_port)
        async with running(web, folder, f"http://127.0.0.1:{port}/"):
            yield RunningClient(f"http://127.0.0.1:{port}", saves, 0, "", "deluge")
    finally:
        await _stop(process)


def _host_list(config: Path, daemon_port: int) -> None:
    user, password = (config / "auth").read_text().split("\n")[0].split(":")[:2]
    entry = ["0123456789abcdef0123456789abcdef", "127.0.0.1", daemon_port, user, password]
    (config / "hostlist.conf").write_text(_deluge_file(3, {"hosts": [entry]}))


def _deluge_file(version: int, settings: dict[str, object]) -> str:
    """Deluge's files are two JSON documents, one behind the other."""
    return json.dumps({"file": version, "format": 1}) + json.dumps(settings)


async def _start(command: list[str], folder: Path) -> asyncio.subprocess.Process:
    environment = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    return await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


@asynccontextmanager
async def running(command: list[str], folder: Path, url: str) -> AsyncIterator[None]:
    process = await _start(command, folder)
    try:
        async with httpx.AsyncClient() as client, asyncio.timeout(START_SECONDS):
            while True:
                try:
                    await client.get(url)
                    break
                except httpx.TransportError:
                    if process.returncode is not None:
                        raise RuntimeError(f"{command[0]} ended at once") from None
                    await asyncio.sleep(0.1)
        yield
    finally:
        await _stop(process)


async def _port_opens(port: int) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                await writer.wait_closed()
                return
            except OSError:
                await asyncio.sleep(0.1)
