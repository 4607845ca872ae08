"""`huntarr reset-password`: a new password without the old one, for whoever may run commands on the machine."""

import asyncio
import io
from pathlib import Path

import pytest
from sqlmodel import select

from app import cli
from app.auth.callers import Origin
from app.auth.models import Audit, LoginSession
from app.auth.schemas import LoginIn, SetupIn
from app.container import open_container
from app.core.config import read_config

# SQLModel would rather not see the plain SQL of app/core/migrations.py.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

OLD, NEW = "correct horse battery", "another good password"
HERE = Origin("127.0.0.1")


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A migrated data folder whose owner is logged in."""
    monkeypatch.setenv("HUNTARR_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("HUNTARR_REDIS_URL", f"unix://{tmp_path}/nobody.sock")
    monkeypatch.setattr(cli, "setup_logging", lambda *_: None)
    assert cli.main(["migrate"]) == 0
    return tmp_path


async def make_owner() -> None:
    async with open_container(read_config()) as container:
        given = {"username": "Ada", "password": OLD, "setup_token": container.auth.accounts.setup_token()}
        await container.auth.accounts.set_up(SetupIn.model_validate(given), HERE)
        await container.auth.accounts.login(LoginIn.model_validate({"username": "Ada", "password": OLD}), HERE)


async def state(password: str) -> tuple[int, list[str], str]:
    """The number of sessions, the actions of the audit trail, and who can log in with `password`."""
    async with open_container(read_config()) as container:
        async with container.infra.db.reading() as session:
            sessions = len((await session.exec(select(LoginSession))).all())
            actions = [row.action for row in (await session.exec(select(Audit))).all()]
        opened = await container.auth.accounts.login(
            LoginIn.model_validate({"username": "Ada", "password": password}), HERE
        )
        return sessions, actions, opened.username


@pytest.mark.usefixtures("installation")
def test_the_password_from_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(make_owner())
    monkeypatch.setattr("sys.stdin", io.StringIO(NEW + "\n"))
    assert cli.main(["reset-password", "--password-stdin"]) == 0
    told = capsys.readouterr()
    assert "Ada has a new password" in told.out
    assert NEW not in told.out + told.err
    assert asyncio.run(state(NEW)) == (0, ["create_owner", "login", "reset_password"], "Ada")


@pytest.mark.usefixtures("installation")
def test_the_password_is_asked_for_twice_without_echo(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(make_owner())
    answers = iter([NEW, NEW + "x", NEW, NEW])
    monkeypatch.setattr(cli, "getpass", lambda _prompt: next(answers))
    assert cli.main(["reset-password"]) == 1
    assert "differ" in capsys.readouterr().err
    assert asyncio.run(state(OLD))[2] == "Ada"
    assert cli.main(["reset-password"]) == 0
    assert asyncio.run(state(NEW))[2] == "Ada"


@pytest.mark.usefixtures("installation")
@pytest.mark.parametrize(("given", "sentence"), [("9 letters", "10 to 256 characters"), (NEW, "no owner yet")])
def test_a_failure_is_one_sentence(
    given: str, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(given + "\n"))
    assert cli.main(["reset-password", "--password-stdin", "--disable-2fa"]) == 1
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
