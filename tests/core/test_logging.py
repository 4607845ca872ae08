"""The chain of processors: secrets are masked, and listeners get every line."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
import structlog

from app.core.config import LogFormat, LogLevel
from app.core.logging import Line, hide_secrets, listening, setup_logging, without_secrets
from tests.logs.conftest import chain as chain  # the fixture

SECRET = "c0ffee11c0ffee11c0ffee11"


@pytest.mark.parametrize(
    "text",
    [
        f"GET http://tv:8989/api?apikey={SECRET}&page=1 failed",
        f"http://user:{SECRET}@host/path",
        f"huntarr_{SECRET}",
        f"{{'X-Api-Key': '{SECRET}', 'Accept': '*/*'}}",
        f'{{"apiKey": "{SECRET}", "name": "x"}}',
        f'{{"new_password": "{SECRET}"}}',
        f"X-Api-Key: {SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"sent with bearer {SECRET}",
        f"Cookie: huntarr_session={SECRET}; other=1",
        f"huntarr_session={SECRET}; Path=/",
        f"Set-Cookie: huntarr_session={SECRET}",
        f"X-CSRF-Token: {SECRET}",
    ],
)
def test_what_looks_like_a_secret_becomes_stars(text: str) -> None:
    assert SECRET not in without_secrets(text)
    assert "********" in without_secrets(text)


@pytest.mark.parametrize(
    "text",
    [
        "hunt started",
        "The password has 10 to 256 characters.",
        "http://localhost:9705/docs",
        "the token of the set-up was asked for",
        "Sonarr: https://tv.example:8989 answered 500",
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert without_secrets(text) == text


class Leaky:
    """An object whose text holds a secret."""

    def __str__(self) -> str:
        return f"apikey={SECRET}"


@pytest.mark.parametrize(
    "fields",
    [
        {"api_key": SECRET},
        {"headers": {"X-Token": [SECRET], "Cookie": {"a": SECRET}}},
        {"passwords": (SECRET, {SECRET})},
        {"error": Leaky()},
        {"errors": [Leaky(), {"deep": Leaky()}]},
        {"error": ValueError(f"token={SECRET}")},
        {"secret": SECRET.encode()},
    ],
)
def test_no_field_holds_a_secret(fields: dict[str, Any]) -> None:
    assert SECRET not in repr(hide_secrets(None, "", {"event": "x", **fields}))


def test_plain_values_stay_and_others_become_text() -> None:
    fields = {"a": 1, "b": 1.5, "c": None, "d": True, "e": [1, "x"], "path": Path("/data")}
    assert hide_secrets(None, "", dict(fields)) == {**fields, "path": "/data"}


def test_a_listener_gets_every_line_that_is_written(chain: None, capsys: pytest.CaptureFixture[str]) -> None:
    lines: list[Line] = []
    log = structlog.get_logger("ours")
    with listening(lines.append), structlog.contextvars.bound_contextvars(hunt_id=7):
        log.debug("said by us", unit="season", api_key=SECRET)
        logging.getLogger("theirs").error("said by %s: token=%s", "them", SECRET)
        logging.getLogger("arq").info("too chatty")
        try:
            raise ValueError(f"apikey={SECRET}")
        except ValueError:
            log.exception("failed")
    log.info("after the block")
    assert [(line.level, line.logger, line.event) for line in lines] == [
        (10, "ours", "said by us"),
        (40, "theirs", "said by them: token=********"),
        (40, "ours", "failed"),
    ]
    assert lines[0].fields == {"unit": "season", "api_key": "********", "hunt_id": 7}
    assert lines[1].fields == {"hunt_id": 7}
    assert "ValueError: apikey=********" in lines[2].fields["exception"]


def test_the_level_holds_for_listeners_too(chain: None) -> None:
    lines: list[Line] = []
    with listening(lines.append):
        logging.getLogger().setLevel(logging.WARNING)
        structlog.get_logger("ours").info("not logged")
        structlog.get_logger("ours").warning("logged")
    assert [line.event for line in lines] == ["logged"]


@pytest.mark.parametrize("style", list(LogFormat))
def test_extra_fields_are_in_every_form(
    style: LogFormat, chain: None, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.NOTSET, "uvicorn.error")  # the simulator's server silences it for the whole process
    lines: list[Line] = []
    setup_logging(LogLevel.DEBUG, style)
    structlog.configure(cache_logger_on_first_use=False)
    with listening(lines.append):
        logging.getLogger("theirs").warning("records skipped", extra={"kind": "tag", "skipped": 1, "token": SECRET})
        structlog.get_logger("ours").warning("records skipped", extra={"kind": "tag", "skipped": 1}, of=3)
        logging.getLogger("uvicorn.error").info("Shutting down", extra={"color_message": "Shutting down"})
    theirs, ours, plain = (dict(line.fields) for line in lines)
    assert theirs == {"kind": "tag", "skipped": 1, "token": "********"}
    assert ours == {"kind": "tag", "skipped": 1, "of": 3}
    assert plain == {}
    shown = capsys.readouterr().out
    assert shown.count("tag") == 2
    assert "skipped" in shown
    assert SECRET not in shown


@pytest.mark.parametrize(("failure", "is_told"), [(asyncio.CancelledError(), False), (OSError("gone"), True)])
def test_a_connection_that_a_cancelled_task_gives_back_is_no_error(
    chain: None, failure: BaseException, is_told: bool
) -> None:
    lines: list[Line] = []
    pool = logging.getLogger("sqlalchemy.pool.impl.AsyncAdaptedQueuePool")
    with listening(lines.append):
        pool.error("Exception during reset or similar", exc_info=failure)
    assert len(lines) == is_told
