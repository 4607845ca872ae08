"""`huntarr api-key create`, and the paste-ready calls for whoever has no browser."""

import asyncio
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from sqlmodel import select

from app import cli
from app.auth.models import ApiKey, Audit
from app.container import open_container
from app.core.config import Config
from tests.support.service import ROOT, Service, command, environment, running

pytestmark = pytest.mark.process

NAME, PASSWORD = "Ada Lovelace", 'correct "horse" battery'
KEY = re.compile(r"huntarr_[A-Za-z0-9_-]{43}\n")


def create(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 - our own program
        command("api-key", "create", *options),
        cwd=ROOT,
        env=environment(folder, {}),
        text=True,
        capture_output=True,
        timeout=60,
    )


def statuses(service: Service, key: str) -> list[int]:
    """Of a read, a change and a call that no key may make."""
    with httpx.Client(base_url=service.url, headers={"X-Api-Key": key}) as client:
        replies = (
            client.get("/api/stats"),
            client.post("/api/hunting/resume"),
            client.get("/api/auth/api-keys"),
        )
    return [reply.status_code for reply in replies]


def make_owner(service: Service) -> None:
    given = {"username": NAME, "password": PASSWORD, "setup_token": service.setup_token}
    assert httpx.post(f"{service.url}/api/setup", json=given).status_code == 201


def test_a_key_without_a_browser_and_without_an_owner(tmp_path: Path) -> None:
    before = create(tmp_path, "--scope", "read", "--name", "made before the first start")
    assert before.returncode == 0, before.stderr
    assert KEY.fullmatch(before.stdout), "the key and nothing else"
    with running(tmp_path) as service:
        assert statuses(service, before.stdout.strip()) == [200, 403, 403]
        during = create(tmp_path, "--scope", "full", "--expires-at", "2099-01-01T00:00:00Z")
        assert KEY.fullmatch(during.stdout), during.stderr
        assert statuses(service, during.stdout.strip()) == [200, 200, 403]
        make_owner(service)
        assert statuses(service, before.stdout.strip()) == [200, 403, 403]
        assert before.stdout.strip() not in service.output
    asyncio.run(check_rows(tmp_path, {before.stdout.strip(), during.stdout.strip()}))


async def check_rows(folder: Path, keys: set[str]) -> None:
    async with open_container(Config(data_dir=folder)) as container, container.infra.db.reading() as session:
        rows = (await session.exec(select(ApiKey).order_by(ApiKey.id))).all()  # type: ignore[arg-type] # a column
        told = (await session.exec(select(Audit).where(Audit.action == "create_api_key"))).all()
    assert [(row.name, row.scope) for row in rows] == [
        ("made before the first start", "read"),
        ("command line", "full"),
    ]
    assert [(entry.auth, entry.target) for entry in told] == [("command_line", {"id": str(row.id)}) for row in rows]
    assert not any(key in repr(row) for key in keys for row in (*rows, *told))


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        ([], 2, "--scope"),
        (["--scope", "admin"], 2, "invalid choice"),
        (["--scope", "read", "--name", " "], 1, "name: "),
        (["--scope", "read", "--name", "a\nb"], 1, "name: "),
        (["--scope", "read", "--expires-at", "tomorrow"], 1, "expires_at: "),
        (["--scope", "read", "--expires-at", "2020-01-01T00:00:00Z"], 1, "expired already"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of SQLModel, for the plain SQL of the migrations
def test_what_cannot_be_made_is_said_in_words(
    tmp_path: Path,
    options: list[str],
    code: int,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HUNTARR_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(cli, "setup_logging", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        sys.exit(cli.main(["api-key", "create", *options]))
    told = capsys.readouterr()
    assert (ended.value.code, told.out) == (code, "")
    assert sentence in told.err


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_the_calls_of_the_page_make_a_key(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    [calls] = re.findall(r"```sh\n(read -rp[^`]*)```", page)
    with running(tmp_path) as service:
        make_owner(service)
        made = subprocess.run(  # noqa: S603 - our own page
            ["bash", "-c", calls],  # noqa: S607
            env=environment(tmp_path, {"URL": service.url}),
            input=f"{NAME}\n{PASSWORD}\n",
            text=True,
            capture_output=True,
            timeout=60,
        )
        key = made.stdout.split()[-1]
        assert KEY.fullmatch(key + "\n"), made.stderr
        assert statuses(service, key) == [200, 403, 403]
