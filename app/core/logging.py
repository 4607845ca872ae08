"""Logs: structlog to stdout, as a console line or a JSON object, with ids bound by context and secrets taken out."""

import logging
import re
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from app.core.config import LogFormat, LogLevel
from app.core.schemas import SECRET_MASK

SECRET_NAMES = re.compile(r"(api_?key|password|token|secret|authorization|cookie)", re.IGNORECASE)
SECRET_TEXTS = (
    re.compile(r"(?i)\b(apikey|api_key|token|password|secret)=([^&\s\"']+)"),
    re.compile(r"()\bhuntarr_[A-Za-z0-9_-]{20,}"),
    re.compile(r"(?i)(//[^/:@\s]+):[^@/\s]+(?=@)"),
)


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
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
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
    return {name: _hidden(name, value) for name, value in event.items()}


def _hidden(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return SECRET_MASK if SECRET_NAMES.search(name) else without_secrets(value)
    if isinstance(value, dict):
        return {key: _hidden(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(name, inner) for inner in value]
    return value


def without_secrets(text: str) -> str:
    """`text` with keys in query strings, our own API keys and passwords in URLs replaced by stars."""
    text = SECRET_TEXTS[0].sub(rf"\1={SECRET_MASK}", text)
    text = SECRET_TEXTS[1].sub(SECRET_MASK, text)
    return SECRET_TEXTS[2].sub(rf"\1:{SECRET_MASK}", text)
