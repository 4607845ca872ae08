"""No secret is shown: secrets are planted in a running service and searched for in replies, logs, tables and files."""

import asyncio
import re
import stat
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
import redis
from fastapi.routing import iter_route_contexts
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from app.api.routing import ApiRoute
from app.core.embedded_redis import find_server
from app.main import create_app
from app.tables import METADATA
from tests.support.service import ROOT, Service, command, environment, running
from tests.support.serving import NoLog, free_port, in_threads
from tests.support.stores import Postgres

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]

PLANTED = {
    "app": "c0ffee11c0ffee11c0ffee11c0ffee11",
    "api_key": "planted-api-key-planted-api-key-planted-api-key",
    "secret_key": "planted-secret-key-planted-secret-key-canary",
    "password": "planted-owner-password",
    "wrong": "planted-wrong-password",
    "redis": "planted-redis-password",
    "database": "planted-database-password",
}
# Where a new secret is shown on purpose, once.
SHOWING = re.compile(
    r"POST /api/auth/(login|api-keys|2fa/setup|2fa/enable|password) |GET /api/auth/me |POST /api/webhooks/hooks "
    r"|(GET|POST) /api/instances/sonarr/\d/webhook(/rotate)? "
)


class EchoApp(NoLog, BaseHTTPRequestHandler):
    """An app that fails and quotes the request, key and all."""

    def do_GET(self) -> None:
        body = f"<html>error: {self.path} {dict(self.headers)}</html>".encode()
        self.send_response(500)
        self.send_header("X-Quoted", self.headers.get("X-Api-Key", ""))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name in the standard library


@contextmanager
def guarded_redis(folder: Path) -> Iterator[int]:
    """A server with a password, which it reads from standard input: arguments are for everybody to see."""
    port = free_port()
    server = subprocess.Popen([find_server(), "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)  # noqa: S603
    assert server.stdin
    server.stdin.write(f"port {port}\nbind 127.0.0.1\nrequirepass {PLANTED['redis']}\nsave ''\ndir {folder}\n".encode())
    server.stdin.close()
    with redis.Redis(port=port, password=PLANTED["redis"]) as client:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                client.ping()
                break
            except redis.ConnectionError:
                time.sleep(0.02)
    try:
        yield port
    finally:
        server.terminate()
        server.wait(10)


@dataclass
class Inspector:
    """Calls the service in every way and records all that it says."""

    service: Service
    app_url: str
    secrets: dict[str, str] = field(default_factory=lambda: dict(PLANTED))
    replies: list[tuple[str, str]] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)

    def call(self, client: httpx.Client, method: str, path: str, **options: Any) -> httpx.Response:
        reply = client.request(method, path, **options)
        said = f"{reply.status_code} {dict(reply.headers)} {reply.text}"
        self.replies.append((f"{method} {path} ", said))
        return reply

    def log_in(self, client: httpx.Client) -> None:
        given = {"username": "owner", "password": PLANTED["password"]}
        data = self.call(client, "POST", "/api/auth/login", json=given).json()["data"]
        client.headers["X-CSRF-Token"] = self.secrets["csrf"] = data["csrf_token"]
        self.secrets["session"] = client.cookies["huntarr_session"]

    def create_secrets(self, client: httpx.Client) -> None:
        made = self.call(client, "POST", "/api/auth/api-keys", json={"name": "n", "scope": "full"}).json()["data"]
        self.secrets["new key"] = made["key"]
        given = {"password": PLANTED["password"]}
        secret = self.call(client, "POST", "/api/auth/2fa/setup", json=given).json()["data"]["secret"]
        self.secrets["second factor"] = secret
        code = {"code": pyotp.TOTP(secret).now()}
        for number, recovery_code in enumerate(
            self.call(client, "POST", "/api/auth/2fa/enable", json=code).json()["data"]["recovery_codes"]
        ):
            self.secrets[f"recovery code {number}"] = recovery_code
        for body in ({"name": "TV", "url": self.app_url}, {"name": "none", "url": "http://127.0.0.1:9"}):
            given = {**body, "api_key": PLANTED["app"]}
            assert self.call(client, "POST", "/api/instances/sonarr", json=given).status_code == 201

        self.use_movie_hunt(client)

    def use_movie_hunt(self, client: httpx.Client) -> None:
        """An indexer, download clients and TMDB get the key; the indexer quotes it in its error, and is searched."""
        key, base = PLANTED["app"], "/api/movie-hunt"
        self.call(client, "POST", "/api/settings/general", json={"tmdb_api_key": key})
        self.call(client, "GET", f"{base}/lookup", params={"tmdb_id": 1})
        indexer = {"name": "Echo", "kind": "newznab", "url": self.app_url, "api_key": key}
        assert self.call(client, "POST", f"{base}/indexers", json=indexer).status_code == 201
        for number, kind in enumerate(("sabnzbd", "nzbget", "qbittorrent", "transmission", "deluge")):
            secrets = {"api_key": key, "password": key, "username": "somebody"}
            body = {"name": kind, "kind": kind, "url": self.app_url, **secrets}
            assert self.call(client, "POST", f"{base}/download-clients", json=body).status_code == 201
            self.call(client, "POST", f"{base}/download-clients/{number + 1}/test")
            self.call(client, "PATCH", f"{base}/download-clients/{number + 1}", json={"password": [key]})
        for path in ("indexers/test", "download-clients/test"):
            self.call(client, "POST", f"{base}/{path}", json={**indexer, "priority": key})
        self.call(client, "POST", f"{base}/indexers/1/test")
        movie = {"title": "Iron Meadow", "year": 2019, "search_now": True}
        assert self.call(client, "POST", f"{base}/movies", json=movie).status_code == 201

    def use_webhooks(self, client: httpx.Client) -> None:
        """An app and a button call with their tokens, rightly and wrongly, in every place that takes one."""
        shown = self.call(client, "GET", "/api/instances/sonarr/1/webhook").json()["data"]
        given = {"name": "Button", "action": "resume", "allow_get": True}
        made = self.call(client, "POST", "/api/webhooks/hooks", json=given).json()["data"]
        token, hook = self.secrets["app token"], self.secrets["hook token"] = shown["token"], made["token"]
        path = "/api/webhooks/arr/1"
        for secret in (token, hook):
            ways: list[dict[str, Any]] = [
                {"params": {"token": secret}},
                {"headers": {"X-Webhook-Token": secret}},
                {"auth": ("app", secret)},
            ]
            for options in ways:
                for body in ({"eventType": "Health", "message": f"{path}?token={secret}"}, [secret]):
                    self.call(client, "POST", path, json=body, **options)
            for method in ("POST", "GET", "PUT", "HEAD", "DELETE"):
                self.call(client, method, f"/api/webhooks/hooks/{secret}")
            self.call(client, "GET", f"/api/nothing/{secret}")

    def send_wrong_input(self, client: httpx.Client) -> None:
        """Secrets in places where they do not belong, and bodies that cannot be read."""
        app, wrong = PLANTED["app"], PLANTED["wrong"]
        for body in (
            {"name": "x", "url": f"http://user:{app}@127.0.0.1", "api_key": app},
            {"name": "x", "url": f"http://127.0.0.1/{app} {app}", "api_key": app},
            {"name": "x", "url": "http://127.0.0.1", "api_key": [app]},
            {"name": "x", "url": "http://127.0.0.1", "api_key": app * 100},
            {"name": {"x": app}, "url": "http://127.0.0.1", "api_key": app},
        ):
            assert self.call(client, "POST", "/api/instances/sonarr", json=body).status_code in (401, 422)
        for content in (f'{{"api_key": "{app}"', f'["{app}"]', f'{{"api_key": "{app}\\u0000"}}', f'"{app}"'):
            headers = {"Content-Type": "application/json"}
            self.call(client, "POST", "/api/instances/sonarr", content=content, headers=headers)
        given = {"username": "owner", "password": wrong}
        for body in (
            given,
            {**given, "totp_code": wrong},
            {**given, "password": [wrong]},
            {"username": wrong, "password": wrong},
        ):
            assert self.call(client, "POST", "/api/auth/login", json=body).status_code in (401, 422, 429)
        self.call(client, "POST", "/api/setup", json={**given, "setup_token": wrong})
        self.call(client, "GET", "/api/stats", headers={"X-Api-Key": wrong})
        self.call(client, "GET", f"/api/stats?apikey={wrong}")
        self.call(
            client,
            "GET",
            "/api/stats",
            headers={"Authorization": f"Bearer {wrong}", "Cookie": f"huntarr_session={wrong}"},
        )

    def walk(self, client: httpx.Client, **options: Any) -> None:
        """Every route, reading before deleting."""
        found = [context.original_route for context in iter_route_contexts(create_app().routes)]
        routes = [route for route in found if isinstance(route, ApiRoute)]
        order = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        for method in order:
            for route in routes:
                if method in route.methods and route.path not in (
                    "/api/auth/logout",
                    "/api/auth/sessions/{session_id}",
                    "/api/events",  # which never ends
                ):
                    path = re.sub(r"\{\w+\}", "1", route.path.replace("{app_type}", "sonarr"))
                    self.call(client, method, path, **({} if method == "GET" else {"json": {}}), **options)

    def read_log(self, client: httpx.Client) -> None:
        """All of it, in every form, once a last line of ours is in the table."""
        last = f"read-{len(self.logged)}"
        headers = {"X-Api-Key": PLANTED["api_key"], "X-Request-Id": last}
        self.call(client, "GET", "/api/nothing", headers=headers)
        headers.pop("X-Request-Id")
        deadline = time.monotonic() + 10
        while last not in self.call(client, "GET", f"/api/logs?request_id={last}", headers=headers).text:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        for path in ("/api/logs?limit=1000", "/api/logs/export", "/api/logs/export?format=text"):
            self.logged.append(self.call(client, "GET", path, headers=headers).text)

    def assert_no_secret(self, what: str, content: str) -> None:
        for name, secret in self.secrets.items():
            assert secret not in content, f"{name} is shown in {what}"


def exercise(service: Service, app_url: str) -> Inspector:
    """Log in, create things, hunt, send wrong input, call every route as everybody."""
    inspector = Inspector(service, app_url)
    with (
        httpx.Client(base_url=service.url, timeout=30) as owner,
        httpx.Client(base_url=service.url, timeout=30) as other,
    ):
        inspector.log_in(owner)
        inspector.create_secrets(owner)
        for path in ("/api/openapi.json", "/docs", "/login", "/metrics"):
            inspector.call(owner, "GET", path)
        for number in (1, 2):
            inspector.call(owner, "POST", f"/api/instances/sonarr/{number}/test")
            inspector.call(owner, "POST", "/api/instances/sonarr/test", json={"instance_id": number})
            inspector.call(owner, "POST", "/api/hunts?wait=3", json={"instance_id": number})
        inspector.use_webhooks(owner)
        inspector.send_wrong_input(other)
        inspector.send_wrong_input(owner)
        with_key: Mapping[str, str] = {"X-Api-Key": PLANTED["api_key"]}
        inspector.read_log(other)  # before the walk, which clears a part of it
        inspector.walk(other)
        inspector.walk(other, headers=with_key)
        inspector.walk(owner)
        inspector.call(other, "GET", f"/api/instances?apikey={PLANTED['api_key']}")
        inspector.call(other, "GET", f"/api/nothing?apikey={PLANTED['api_key']}")
        inspector.read_log(other)
    return inspector


async def rows_of(url: str) -> str:
    """Everything in the database, as text."""
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        tables = [table.name for table in METADATA.sorted_tables]
        found = [
            f"{table} {row}"
            for table in tables
            for row in await connection.execute(text(f'SELECT * FROM "{table}"'))  # noqa: S608 - our own names
        ]
    await engine.dispose()
    return "\n".join(found)


def command_lines() -> str:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().decode(errors="replace"))
        except OSError:  # it has ended meanwhile
            continue
    return "\n".join(found)


def inspect_all(inspector: Inspector, running_lines: str) -> None:
    shown = [(call, said) for call, said in inspector.replies if not SHOWING.match(call)]
    assert len(shown) > 150
    for call, said in shown:
        inspector.assert_no_secret(f"the reply to {call}", said)
    for call, said in inspector.replies:  # secrets that were only sent to us are shown nowhere
        for name in PLANTED:
            assert PLANTED[name] not in said, f"{name} is shown in the reply to {call}"
    inspector.assert_no_secret("the output", inspector.service.output)
    inspector.assert_no_secret("a command line", running_lines)
    assert len(inspector.service.lines) > 100
    assert "/api/instances" in inspector.service.output
    for content in inspector.logged:  # proves that there was something to search
        assert "/api/instances" in content
    assert all("hunt started" in content for content in inspector.logged[:3])
    assert len(inspector.logged[-1].splitlines()) > 100


def given() -> dict[str, str]:
    return {
        "api_key": PLANTED["api_key"],
        "secret_key": PLANTED["secret_key"],
        "admin_username": "owner",
        "admin_password": PLANTED["password"],
        "log_level": "DEBUG",
    }


def test_on_sqlite_and_the_embedded_redis(tmp_path: Path) -> None:
    with in_threads(EchoApp) as app_url, running(tmp_path, tmdb_url=app_url, **given()) as service:
        inspector = exercise(service, app_url)
        lines = command_lines()
        service.stop()
    assert "huntarr" in lines or "-m\0app\0serve" in lines
    inspect_all(inspector, lines)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "huntarr.db" for path in files)
    for path in files:
        inspector.assert_no_secret(str(path), path.read_bytes().decode("latin-1"))
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_on_postgresql_and_a_redis_with_a_password(tmp_path: Path, postgres: Postgres) -> None:
    folder = tmp_path / "redis"
    folder.mkdir()
    with guarded_redis(folder) as port, postgres.copy() as plain, in_threads(EchoApp) as app_url:
        redis_url = f"redis://:{PLANTED['redis']}@127.0.0.1:{port}/0"
        database_url = plain.replace("postgres@", f"postgres:{PLANTED['database']}@")
        with running(tmp_path / "data", redis_url=redis_url, database_url=database_url, **given()) as service:
            inspector = exercise(service, app_url)
            lines = command_lines()
            with redis.Redis(port=port, password=PLANTED["redis"]) as client:
                kept = " ".join(f"{key!r} {client.dump(key)!r}" for key in client.keys("*"))
            service.stop()
        inspect_all(inspector, lines)
        rows = asyncio.run(rows_of(plain))
        assert "instances" in rows
        inspector.assert_no_secret("the database", rows)
        assert kept
        inspector.assert_no_secret("redis", kept)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HUNTARR_REDIS_URL", "http://user:planted-of-a-wrong-setting@host"),
        ("HUNTARR_DATABASE_URL", "mysql://user:planted-of-a-wrong-setting@host/name"),
        ("HUNTARR_API_KEY", "planted-of-a-wrong-setting"),
        ("HUNTARR_SECRET_KEY", "planted-of-a-wrong-setting"),
        ("HUNTARR_DATABASE_URL", "postgresql://user:planted-of-a-wrong-setting@127.0.0.1:9/name"),
        ("HUNTARR_DATABASE_URL", "postgresql://user:planted-of-a-wrong-setting@nowhere.invalid/name"),
        ("HUNTARR_PORT", "planted-of-a-wrong-setting"),
    ],
)
def test_a_start_that_fails_names_the_setting_and_not_its_value(tmp_path: Path, name: str, value: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own program
        command("serve"), cwd=ROOT, env=environment(tmp_path, {name: value}), text=True, capture_output=True, timeout=50
    )
    assert done.returncode == 1
    assert done.stderr.startswith("huntarr: ")
    assert "planted" not in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
