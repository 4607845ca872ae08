"""Fixtures of the whole suite: real stores, made once a session, fresh for every test."""

import os
import re
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
import pytest_asyncio
import structlog
from hypothesis import settings

from tests.support import stores
from tests.support.leaks import no_leaks
from tests.support.rig import Rig, open_rig
from tests.support.served_app import ServedApp, open_served_app

DATABASES = ("sqlite", "postgresql")
# A busy machine is slow now and then: how long an example takes says nothing.
settings.register_profile("without_deadline", parent=settings(), deadline=None)
settings.load_profile("without_deadline")

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)
MAY_BE_SKIPPED = (
    r"OpenAPI documents are not here",  # they are no part of the project
    r"\bLinux\b",
    r"\bIPv6\b",
    r"\banother Python\b",
    r"^no (Go|Java)\b",
)
"""The reasons for which a test may be skipped in CI too. In `CI_WITHOUT` `.ci/run` names the programs that it could not
install; tests that need them may be skipped as well."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test marked `storage` runs on both databases, any other on SQLite."""
    if "database" in metafunc.fixturenames:
        both = metafunc.definition.get_closest_marker("storage") is not None
        metafunc.parametrize("database", DATABASES if both else DATABASES[:1], scope="session")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs PostgreSQL needs a process. The slow tests begin first, so that at the end no core waits for one."""
    for item in items:
        callspec = getattr(item, "callspec", None)
        if callspec is not None and callspec.params.get("database") == "postgresql":
            item.add_marker(pytest.mark.process)
    items.sort(key=lambda item: item.get_closest_marker("process") is None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test is a failed one, unless its reason is on the list."""
    return _judged((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that is skipped as a whole."""
    return _judged((yield))


def _judged(report: Report) -> Report:
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI") == "true":
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        allowed = [*MAY_BE_SKIPPED, *map(re.escape, os.environ.get("CI_WITHOUT", "").split())]
        if not any(re.search(pattern, reason, re.IGNORECASE) for pattern in allowed):
            report.outcome = "failed"
            report.longrepr = f"Skipped in CI, for a reason that is not on the list in tests/conftest.py: {reason}"
    return report


@pytest_asyncio.fixture
async def leak_check() -> AsyncIterator[None]:
    async with no_leaks():
        yield


@pytest.fixture(autouse=True)
def leak_check_of_coroutines(request: pytest.FixtureRequest) -> None:
    """Every test that is a coroutine is checked, after all its fixtures have ended."""
    if request.node.get_closest_marker("asyncio") is not None:
        request.getfixturevalue("leak_check")


@pytest.fixture(autouse=True)
def loggers_stay_loose() -> Iterator[None]:
    """A logger that keeps its processors would keep them for every later test, and hide its lines from it."""
    yield
    assert not structlog.get_config()["cache_logger_on_first_use"]


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> stores.SqliteTemplate:
    return stores.SqliteTemplate.make(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[stores.Postgres]:
    # Not in pytest's folder: root's server runs as another user, and the next pytest to start shuts that folder to it.
    with tempfile.TemporaryDirectory(prefix="hp") as folder:
        server = stores.Postgres(Path(folder))
        yield server
        server.stop()


@pytest.fixture
def database_url(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated, empty database of this test's own."""
    if database == "postgresql":
        with request.getfixturevalue("postgres").copy() as url:
            yield url
    else:
        with request.getfixturevalue("sqlite_template").copy(tmp_path) as url:
            yield url


@pytest.fixture(scope="session")
def redis_of_session() -> Iterator[str]:
    with stores.redis_server() as url:
        yield url


@pytest.fixture
def redis_url(redis_of_session: str) -> Iterator[str]:
    yield redis_of_session
    stores.flush(redis_of_session)


@pytest_asyncio.fixture
async def rig(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Rig]:
    """The service without its network: container, clock and a place for simulated apps."""
    async with open_rig(database_url, redis_url, tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture
async def served(rig: Rig) -> AsyncIterator[ServedApp]:
    """The whole application without an owner; what its visitors know may stand in no log and no audit row."""
    async with open_served_app(rig) as opened:
        yield opened
