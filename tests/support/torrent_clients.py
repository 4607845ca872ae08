"""Real qBittorrent, Transmission and Deluge: each in a folder of its own, on loopback, without DHT, LSD and UPnP."""

import asyncio
import base64
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.downloads.models import ClientConnection, ClientDownload, ClientKind, DownloadClient
from tests.support.serving import free_port, listens

QBITTORRENT = shutil.which("qbittorrent-nox")
TRANSMISSION = shutil.which("transmission-daemon")
DELUGED, DELUGE_WEB = shutil.which("deluged"), shutil.which("deluge-web")
MISSING = {
    ClientKind.QBITTORRENT: [] if QBITTORRENT else ["qbittorrent-nox"],
    ClientKind.TRANSMISSION: [] if TRANSMISSION else ["transmission-daemon"],
    ClientKind.DELUGE: [name for name, path in (("deluged", DELUGED), ("deluge-web", DELUGE_WEB)) if not path],
}
"""Programs that are not installed here."""
TIMEOUT_SECONDS = 40
LOOK_SECONDS = 0.1
USERNAME, PASSWORD = "huntarr", "correct horse"


class ServerProcess:
    """A program that listens on a port. It can be ended and started again with what it has stored, in any loop."""

    def __init__(self, command: Sequence[str], port: int, folder: Path) -> None:
        self._command = command
        self._port = port
        self._environment = {**os.environ, "HOME": str(folder)}
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603, ASYNC220 - one of the three clients; to start it takes no time
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self._environment,
        )
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not await listens(self._port):
                if self._process.poll() is not None:
                    raise RuntimeError(f"{self._command[0]} has ended with {self._process.returncode}")
                await asyncio.sleep(LOOK_SECONDS)

    async def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                await asyncio.to_thread(self._process.wait, TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                await asyncio.to_thread(self._process.wait)
            self._process = None


@dataclass(frozen=True)
class RunningClient:
    """A client at work, with its web interface first among its processes."""

    kind: ClientKind
    url: str
    username: str
    password: str
    download_folder: Path
    peer_port: int
    processes: Sequence[ServerProcess] = ()

    def connection(self, *, category: str = "huntarr", password: str | None = None) -> ClientConnection:
        given = self.password if password is None else password
        return ClientConnection(self.kind, self.url, username=self.username, password=given, category=category)

    async def restart(self) -> None:
        """End the web interface and start it again: all sessions with it have ended."""
        await self.processes[0].stop()
        await self.processes[0].start()


@asynccontextmanager
async def running(client: RunningClient) -> AsyncIterator[RunningClient]:
    try:
        for process in reversed(client.processes):
            await process.start()
        yield client
    finally:
        for process in client.processes:
            await process.stop()


@asynccontextmanager
async def qbittorrent(folder: Path) -> AsyncIterator[RunningClient]:
    port, peer_port, downloads = free_port(), free_port(), folder / "downloads"
    downloads.mkdir(parents=True)
    salt = os.urandom(16)
    key = hashlib.pbkdf2_hmac("sha512", PASSWORD.encode(), salt, 100_000)
    secret = f"{base64.b64encode(salt).decode()}:{base64.b64encode(key).decode()}"
    config = folder / "qBittorrent" / "config" / "qBittorrent.conf"
    config.parent.mkdir(parents=True)
    lines = (
        *("[BitTorrent]", f"Session\\DefaultSavePath={downloads}", f"Session\\Port={peer_port}"),
        *("Session\\DHTEnabled=false", "Session\\LSDEnabled=false", "Session\\PeXEnabled=false"),
        *("Session\\InterfaceAddress=127.0.0.1", "Session\\QueueingSystemEnabled=false"),
        *("[LegalNotice]", "Accepted=true", "[Network]", "PortForwardingEnabled=false", "[Preferences]"),
        *("WebUI\\Address=127.0.0.1", f"WebUI\\Port={port}", f"WebUI\\Username={USERNAME}"),
        *("WebUI\\UseUPnP=false", "WebUI\\LocalHostAuth=true", f'WebUI\\Password_PBKDF2="@ByteArray({secret})"'),
    )
    config.write_text("\n".join(lines) + "\n")
    url = f"http://127.0.0.1:{port}"
    process = ServerProcess([str(QBITTORRENT), f"--profile={folder}"], port, folder)
    made = RunningClient(ClientKind.QBITTORRENT, url, USERNAME, PASSWORD, downloads, peer_port, (process,))
    async with running(made) as opened:
        yield opened


@asynccontextmanager
async def transmission(folder: Path) -> AsyncIterator[RunningClient]:
    port, peer_port, downloads = free_port(), free_port(), folder / "downloads"
    downloads.mkdir(parents=True)
    settings = {
        **{"bind-address-ipv4": "127.0.0.1", "bind-address-ipv6": "::1", "peer-port": peer_port},
        **{"dht-enabled": False, "lpd-enabled": False, "pex-enabled": False, "port-forwarding-enabled": False},
        **{"download-dir": str(downloads), "rpc-bind-address": "127.0.0.1", "rpc-port": port},
        **{"rpc-authentication-required": True, "rpc-username": USERNAME, "rpc-password": PASSWORD},
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    url = f"http://127.0.0.1:{port}"
    process = ServerProcess([str(TRANSMISSION), "--foreground", "--config-dir", str(folder)], port, folder)
    made = RunningClient(ClientKind.TRANSMISSION, url, USERNAME, PASSWORD, downloads, peer_port, (process,))
    async with running(made) as opened:
        yield opened


@asynccontextmanager
async def deluge(folder: Path, *, plugins: Sequence[str] = ("Label",)) -> AsyncIterator[RunningClient]:
    port, daemon_port, peer_port, downloads = free_port(), free_port(), free_port(), folder / "downloads"
    downloads.mkdir(parents=True)
    salt = os.urandom(8).hex()
    core = {
        **{"daemon_port": daemon_port, "allow_remote": False, "listen_interface": "127.0.0.1"},
        **{"listen_ports": [peer_port, peer_port], "random_port": False, "download_location": str(downloads)},
        **{"dht": False, "lsd": False, "upnp": False, "natpmp": False, "utpex": False, "new_release_check": False},
        **{"enabled_plugins": list(plugins)},
    }
    web = {"pwd_salt": salt, "pwd_sha1": hashlib.sha1((salt + PASSWORD).encode(), usedforsecurity=False).hexdigest()}
    hosts = {"hosts": [["the-daemon", "127.0.0.1", daemon_port, "localclient", PASSWORD]]}
    version = {"file": 1, "format": 1}
    for name, values in (("core", core), ("web", {**web, "first_login": False})):
        (folder / f"{name}.conf").write_text(json.dumps(version) + json.dumps(values))
    (folder / "hostlist.conf").write_text(json.dumps({"file": 3, "format": 1}) + json.dumps(hosts))
    (folder / "auth").write_text(f"localclient:{PASSWORD}:10\n")
    url, config = f"http://127.0.0.1:{port}", ("-c", str(folder))
    daemon = ServerProcess([str(DELUGED), "-d", *config, "-u", "127.0.0.1"], daemon_port, folder)
    process = ServerProcess([str(DELUGE_WEB), "-d", *config, "-p", str(port), "-i", "127.0.0.1"], port, folder)
    made = RunningClient(ClientKind.DELUGE, url, "", PASSWORD, downloads, peer_port, (process, daemon))
    async with running(made) as opened:
        yield opened


def for_a_module(opened: AbstractAsyncContextManager[RunningClient]) -> Iterator[RunningClient]:
    """The body of a fixture that many tests share, each of which has an event loop of its own."""
    with asyncio.Runner() as runner:
        running = runner.run(opened.__aenter__())
        try:
            yield running
        finally:
            runner.run(opened.__aexit__(None, None, None))


async def until(
    client: DownloadClient, download_id: str, condition: Callable[[ClientDownload], bool]
) -> ClientDownload:
    """The download, as soon as the condition holds for it."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            for found in await client.all_downloads():
                if found.download_id == download_id and condition(found):
                    return found
            await asyncio.sleep(LOOK_SECONDS)


async def add_peer(client: RunningClient, info_hash: str, peer: RunningClient) -> None:
    """Let qBittorrent or Deluge connect to another client for one torrent. Transmission cannot be told to."""
    async with httpx.AsyncClient(base_url=client.url, trust_env=False) as http:
        if client.kind is ClientKind.QBITTORRENT:
            form = {"username": client.username, "password": client.password}
            (await http.post("/api/v2/auth/login", data=form)).raise_for_status()
            form = {"hashes": info_hash, "peers": f"127.0.0.1:{peer.peer_port}"}
            (await http.post("/api/v2/torrents/addPeers", data=form)).raise_for_status()
            return
        for method, params in (
            ("auth.login", [client.password]),
            ("core.connect_peer", [info_hash, "127.0.0.1", peer.peer_port]),
        ):
            reply = await http.post("/json", json={"method": method, "params": params, "id": 1})
            if reply.json()["error"]:
                raise RuntimeError(reply.text)
