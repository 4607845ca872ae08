"""A real browser against a running service; without one these tests are skipped and say so."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.service import Service, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BASE = "/huntarr"

Visit = Callable[..., "Page"]


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """For one module only: while Playwright lives, its loop runs in this thread and no other test's could."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A new installation under a sub-path."""
    with running(tmp_path, base_url=BASE) as one:
        yield one


@pytest.fixture
def visit(browser: "Browser") -> Iterator[Visit]:
    """Opens a page in a browser of its own; what its console complains about fails the test."""
    opened: list[Any] = []
    complaints: list[str] = []

    def open_page(url: str, *, expected: tuple[int, ...] = (), **options: Any) -> "Page":
        context = browser.new_context(**options)
        opened.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)  # a busy machine takes long to start a page
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: _note(said, expected, complaints))
        page.goto(url)
        return page

    yield open_page
    for context in opened:
        context.close()
    assert complaints == []


def _note(said: Any, expected: tuple[int, ...], complaints: list[str]) -> None:
    """The browser itself writes a line for every refused call: those that a test provokes are expected."""
    is_expected = any(f"the server responded with a status of {status} " in said.text for status in expected)
    if said.type in ("error", "warning") and not is_expected:
        complaints.append(said.text)
