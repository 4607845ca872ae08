"""The real chain of processors, for one test."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from app.core.config import LogFormat, LogLevel
from app.core.logging import setup_logging
from app.core.stdout import StdoutHandler


@pytest.fixture
def chain() -> Iterator[None]:
    """The logging of `huntarr serve`, at DEBUG. Loggers of modules must not keep it after the test."""
    setup_logging(LogLevel.DEBUG, LogFormat.JSON)
    structlog.configure(cache_logger_on_first_use=False)
    root = logging.getLogger()
    yield
    root.handlers = [handler for handler in root.handlers if not isinstance(handler, StdoutHandler)]
    root.setLevel(logging.WARNING)
    structlog.reset_defaults()
