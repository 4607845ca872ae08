"""The real chain of processors, for one test."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from app.core.config import LogFormat, LogLevel
from app.core.logging import setup_logging


@pytest.fixture
def chain() -> Iterator[None]:
    """What `huntarr serve` sets up, at DEBUG; loggers of modules must not keep it beyond the test."""
    setup_logging(LogLevel.DEBUG, LogFormat.JSON)
    structlog.configure(cache_logger_on_first_use=False)
    root = logging.getLogger()
    [ours] = root.handlers
    yield
    root.removeHandler(ours)
    root.setLevel(logging.WARNING)
    structlog.reset_defaults()
