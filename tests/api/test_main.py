"""Making the application opens nothing; serving opens and closes what it was given."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from asgi_lifespan import LifespanManager

from app.container import Container
from app.core.config import Config
from app.core.errors import StartFailed
from app.main import create_app
from tests.api.kernel import kernel


@pytest.mark.asyncio
async def test_background_runs_inside_the_container(tmp_path: Path) -> None:
    async with kernel(tmp_path) as k:
        container = k.container
    events: list[str] = []

    @asynccontextmanager
    async def open_container(config: Config) -> AsyncIterator[Container]:
        events.append("open")
        yield container
        events.append("close")

    @asynccontextmanager
    async def background(given: Container) -> AsyncIterator[None]:
        assert given is container
        events.append("start")
        yield
        events.append("stop")

    app = create_app(Config(data_dir=tmp_path), open_container=open_container, background=background)
    assert events == []
    async with LifespanManager(app):
        assert app.state.container is container
        events.append("serve")
    assert events == ["open", "start", "serve", "stop", "close"]


@pytest.mark.asyncio
async def test_a_failed_start_closes_what_was_open(tmp_path: Path) -> None:
    events: list[str] = []

    @asynccontextmanager
    async def open_container(config: Config) -> AsyncIterator[Container]:
        try:
            yield None  # type: ignore[misc] # nobody looks at it
        finally:
            events.append("closed")

    @asynccontextmanager
    async def background(given: Container) -> AsyncIterator[None]:
        raise StartFailed("No Redis.")
        yield

    app = create_app(Config(data_dir=tmp_path), open_container=open_container, background=background)
    with pytest.raises(StartFailed):
        async with LifespanManager(app):
            pass
    assert events == ["closed"]


def test_the_application_can_be_made_without_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HUNTARR_PORT", "nonsense")
    assert create_app().openapi()["info"]["title"] == "Huntarr"
    assert list(tmp_path.iterdir()) == []
