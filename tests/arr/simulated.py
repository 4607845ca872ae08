"""A simulated app on a socket with three missing items and one that has a file, and our client for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from app.arr.base import ArrClient
from app.arr.http import ArrHttp
from app.arr.models import AppType, Connection, HuntPass, SearchTarget, SortKey, Unit, Variant, WantedPage
from app.arr.registry import REGISTRY, make_client
from tests.simulator import SimApp, SimClock, SimSettings, serve
from tests.simulator.definitions import AppKind, definition_of

AppCase = tuple[AppKind, Literal["sqLite", "postgreSQL"], str]
CASES: list[AppCase] = [
    ("sonarr", "sqLite", ""),
    ("sonarr", "postgreSQL", "/tv"),
    ("sonarr5", "sqLite", "/tv"),
    ("radarr", "sqLite", "/movies"),
    ("radarr", "postgreSQL", ""),
    ("lidarr", "sqLite", "/music"),
    ("lidarr", "postgreSQL", ""),
    ("readarr", "sqLite", "/books"),
    ("readarr", "postgreSQL", ""),
    ("whisparr2", "sqLite", "/w"),
    ("whisparr2", "postgreSQL", ""),
    ("whisparr3", "sqLite", ""),
    ("whisparr3", "postgreSQL", "/w"),
    ("whisparr3old", "sqLite", "/w"),
]
VARIANTS: dict[str, Variant] = {
    "whisparr2": Variant.V2,
    "whisparr3": Variant.V3,
    "whisparr3old": Variant.V3_LISTLESS,
}
PROFILE = 2  # allows upgrades, quality cutoff at some 1080p, score cutoff 100


def client_class(kind: AppKind) -> type[ArrClient]:
    return REGISTRY[AppType(definition_of(kind).app_type)].clients[VARIANTS.get(kind)]


@dataclass
class SimulatedApp:
    app: SimApp
    url: str
    client: ArrClient
    connection: Connection
    http: ArrHttp
    now: datetime
    owner_id: int | None
    item_ids: list[int]
    """One item searched long ago, one lately, one never; all of them missing, each ten days younger than the last."""
    held_id: int
    """One that has a file."""

    def target(self, place: int = 0) -> SearchTarget:
        return SearchTarget(self.client.item, item_id=self.item_ids[place])

    async def page(
        self,
        hunt_pass: HuntPass = HuntPass.MISSING,
        *,
        sort: SortKey = SortKey.RELEASED,
        descending: bool = False,
        page: int = 1,
        size: int = 20,
    ) -> WantedPage:
        return await self.client.wanted(hunt_pass, sort=sort, descending=descending, page=page, page_size=size)

    async def ids(
        self,
        hunt_pass: HuntPass = HuntPass.MISSING,
        *,
        sort: SortKey = SortKey.RELEASED,
        descending: bool = False,
        page: int = 1,
        size: int = 20,
    ) -> list[int]:
        found = await self.page(hunt_pass, sort=sort, descending=descending, page=page, size=size)
        assert found.skipped == 0
        return [item.item_id for item in found.items]


@asynccontextmanager
async def simulated_app(case: AppCase, http: ArrHttp) -> AsyncIterator[SimulatedApp]:
    kind, database, base = case
    now = datetime.now(UTC)
    app = SimApp(kind, SimSettings(database=database, url_base=base), clock=SimClock.frozen(now))
    owner_id = _owner(app)
    searched = (now - timedelta(days=50), now - timedelta(days=5), None)
    item_ids = [add_item(app, owner_id, n, now - timedelta(days=90 - 10 * n), at) for n, at in enumerate(searched, 1)]
    held_id = add_item(app, owner_id, 9, now - timedelta(days=60), None)
    app.library.add_file(held_id, score=10)
    async with serve(app) as url:
        connection = Connection(url + base, app.settings.api_key)
        client = make_client(AppType(app.definition.app_type), http, connection, VARIANTS.get(kind))
        yield SimulatedApp(app, url, client, connection, http, now, owner_id, item_ids, held_id)


def _owner(app: SimApp) -> int | None:
    match app.definition.owner:
        case "series":
            return app.library.add_series(title="The Quiet Ledger", ended=True, tags=["keep"], profile_id=PROFILE)
        case "artist":
            return app.library.add_artist(title="The Quiet Ledger", tags=["keep"], profile_id=PROFILE)
        case "author":
            return app.library.add_author(title="The Quiet Ledger", tags=["keep"], profile_id=PROFILE)
        case _:
            return None


def add_item(
    app: SimApp, owner_id: int | None, number: int, released: datetime, searched: datetime | None, **more: Any
) -> int:
    """One without a file."""
    title = f"Harbour {number}"
    if owner_id is None:
        common: dict[str, Any] = {
            "year": 1999,
            "tags": ["keep"],
            "profile_id": PROFILE,
            "last_search": searched,
            "title": title,
        }
        if app.definition.app_type == "radarr":
            return app.library.add_movie(in_cinemas=released, digital=released, **common, **more)
        return app.library.add_scene(release_date=released, studio="House", **common, **more)
    if app.definition.item == Unit.EPISODE:
        season = released.year if app.definition.seasons_are_years else 1
        return app.library.add_episode(
            owner_id, season, number, title=title, air_date=released, last_search=searched, **more
        )
    add = app.library.add_album if app.definition.item == Unit.ALBUM else app.library.add_book
    return add(owner_id, title=title, release_date=released, last_search=searched, **more)
