"""Logs: structlog to stdout, as a console line or a JSON object, with ids bound by context and secrets taken out.

Whoever else wants every line taps it (`tapped`): the same lines at the same level, after the same processors.
"""

import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from app.core.config import LogFormat, LogLevel
from app.core.schemas import SECRET_MASK

SECRET_NAMES = re.compile(r"(api_?key|password|token|secret|authorization|cookie)", re.IGNORECASE)
SUSPECT = re.compile(r"(?i)key|token|password|secret|session|cookie|auth|bearer|huntarr_|//")
"""One look at most lines: without one of these none of the patterns below can fit."""
HEADERS = r"(?:x-)?api[-_]?key|authorization|x-csrf-token|(?:set-)?cookie"
SECRET_TEXTS = (
    (re.compile(r"(?i)\b(apikey|api_key|token|password|secret|huntarr_session)=([^&;\s\"']+)"), rf"\1={SECRET_MASK}"),
    (re.compile(r"\bhuntarr_[A-Za-z0-9_-]{20,}"), SECRET_MASK),
    (re.compile(r"(?i)(//[^/:@\s]+):[^@/\s]+(?=@)"), rf"\1:{SECRET_MASK}"),
    # A header, alone or in the text of a dictionary, and a field of JSON.
    (re.compile(rf"(?i)\b({HEADERS})([\"']?: *[\"']?)[^\r\n\"',}}]+"), rf"\1\2{SECRET_MASK}"),
    (re.compile(r"(?i)\b((?:\w*_)?(?:password|token|secret)[\"']: *[\"'])[^\"']+"), rf"\1{SECRET_MASK}"),
    (re.compile(r"(?i)\b(bearer) +[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {SECRET_MASK}"),
)
OWN_FIELDS = frozenset({"event", "level", "logger", "timestamp", "positional_args"})


@dataclass(frozen=True, slots=True)
class Line:
    """A line as those who tap it get it: no secret in it, nothing but texts, numbers, lists and dictionaries."""

    seconds: float
    """When it was logged, as unix time."""
    level: int
    logger: str
    event: str
    fields: Mapping[str, Any]
    """The ids bound by context, what the line says of itself, and a traceback as `exception`."""


Tap = Callable[[Line], None]
_taps: list[Tap] = []


@contextmanager
def tapped(tap: Tap) -> Iterator[None]:
    """Give `tap` every line too, for the time of the block. It is called in whatever thread logs, and must be quick."""
    _taps.append(tap)
    try:
        yield
    finally:
        _taps.remove(tap)


def setup_logging(level: LogLevel, style: LogFormat) -> None:
    """Send our lines and the libraries' through one chain of processors."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        hide_secrets,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if style is LogFormat.JSON
        else structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[_tap, structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.getLogger().handlers = [handler]
    set_level(level)


def set_level(level: LogLevel) -> None:
    """The least level that is logged from now on; libraries that talk much say only what is wrong."""
    root = logging.getLogger()
    root.setLevel(level.value)
    for chatty in ("httpx", "httpcore", "aiosqlite", "arq", "alembic", "asyncio"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The second net: what a line calls a secret, or looks like one, becomes stars."""
    return {name: value if name.startswith("_") else _hidden(name, value) for name, value in event.items()}


def _hidden(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    is_secret = SECRET_NAMES.search(name)
    if isinstance(value, dict):
        return {key: _hidden(name if is_secret else str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_hidden(name, inner) for inner in value]
    return SECRET_MASK if is_secret else without_secrets(value if isinstance(value, str) else str(value))


def without_secrets(text: str) -> str:
    """`text` with keys in queries, headers and fields, our own API keys, and passwords in URLs replaced by stars."""
    if SUSPECT.search(text):
        for pattern, stars in SECRET_TEXTS:
            text = pattern.sub(stars, text)
    return text


def _tap(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if _taps:
        record: logging.LogRecord = event["_record"]
        fields = {name: value for name, value in event.items() if name not in OWN_FIELDS and not name.startswith("_")}
        line = Line(record.created, record.levelno, record.name, str(event.get("event", "")), fields)
        for tap in tuple(_taps):
            tap(line)
    return event
