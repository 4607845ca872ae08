"""Logs: structlog to stdout, as console lines or JSON objects, with ids bound by context and without secrets.

Other receivers get the same lines, after the same processors, with `listening`.
"""

import asyncio
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
from app.core.stdout import StdoutHandler

SECRET_NAMES = re.compile(r"(api_?key|password|token|secret|authorization|cookie)", re.IGNORECASE)
SUSPECT = re.compile(r"(?i)key|token|password|secret|session|cookie|auth|bearer|huntarr_|//")
"""A quick check: a text without one of these matches none of the patterns below."""
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
    """A line as listeners get it: without secrets, made of texts, numbers, lists and dictionaries."""

    seconds: float
    """When it was logged, as unix time."""
    level: int
    logger: str
    event: str
    fields: Mapping[str, Any]
    """The ids bound by context, the fields of the line, and a traceback as `exception`."""


LineListener = Callable[[Line], None]
_listeners: list[LineListener] = []


@contextmanager
def listening(listener: LineListener) -> Iterator[None]:
    """Pass every line to `listener` for the time of the block. It runs in the thread that logs, and must be quick."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def setup_logging(level: LogLevel, style: LogFormat) -> None:
    """Send our own lines and those of libraries through one chain of processors."""
    shared: list[structlog.typing.Processor] = [
        unfold_extra,
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
    handler = StdoutHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[_pass_on, structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.getLogger().handlers = [handler]
    logging.getLogger("sqlalchemy.pool.impl.AsyncAdaptedQueuePool").addFilter(is_no_cancellation)
    set_level(level)


def is_no_cancellation(record: logging.LogRecord) -> bool:
    """Whether a line of the pool tells anything: a connection that comes back from a cancelled task is thrown away."""
    return record.exc_info is None or not isinstance(record.exc_info[1], asyncio.CancelledError)


def set_level(level: LogLevel) -> None:
    """Change the lowest level that is logged; of libraries that log much, or headers with keys, only warnings are."""
    root = logging.getLogger()
    root.setLevel(level.value)
    for chatty in ("httpx", "httpcore", "aiosqlite", "arq", "alembic", "asyncio", "websockets"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


def unfold_extra(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Fields that were given as `extra`, as the standard library has it, stand beside the others."""
    extra = event.get("extra")
    if isinstance(extra, dict):
        event = {name: value for name, value in event.items() if name != "extra"}
        event |= {name: value for name, value in extra.items() if name not in event}
    event.pop("color_message", None)  # uvicorn's message once more, for terminals
    return event


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Masks fields that are called a secret and texts that look like one, in case that the caller did not."""
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


def _pass_on(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if _listeners:
        record: logging.LogRecord = event["_record"]
        fields = {name: value for name, value in event.items() if name not in OWN_FIELDS and not name.startswith("_")}
        line = Line(record.created, record.levelno, record.name, str(event.get("event", "")), fields)
        for listener in tuple(_listeners):
            listener(line)
    return event
