"""What is known of every Prowlarr, and which apps stand behind it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.models import AppType, IndexerLink
from app.arr.prowlarr import AgentUse
from app.instances.models import Instance
from app.prowlarr.budget import Budget
from app.prowlarr.indexers import StoredIndexer, linked, read_agents, read_stored, stored, stored_agents
from app.prowlarr.models import ProwlarrState
from app.settings.prowlarr import ProwlarrSettings

FRESH_FOR = timedelta(hours=1)
FRESH_REFRESHES = 3


@dataclass(frozen=True, slots=True)
class Figures:
    """What was last read of a Prowlarr."""

    measured_at: datetime
    listed_at: datetime
    indexers: Sequence[StoredIndexer]
    agents: Sequence[AgentUse] = ()
    applications: Sequence[str] | None = None
    """The addresses of the apps that it sets up, as it calls them; `None` before they were read."""
    applications_at: datetime | None = None

    @classmethod
    def of(cls, state: ProwlarrState) -> "Figures":
        return cls(
            measured_at=state.measured_at,
            listed_at=state.listed_at,
            indexers=read_stored(state.indexers),
            agents=tuple(read_agents(state.agents)),
            applications=state.applications,
            applications_at=state.applications_at,
        )

    def row(self, instance_id: int, url: str) -> ProwlarrState:
        return ProwlarrState(
            instance_id=instance_id,
            url=url,
            measured_at=self.measured_at,
            listed_at=self.listed_at,
            indexers=stored(self.indexers),
            agents=stored_agents(self.agents),
            applications=None if self.applications is None else list(self.applications),
            applications_at=self.applications_at,
        )


@dataclass(frozen=True, slots=True)
class KnownProwlarr:
    """A Prowlarr that is enabled; `figures` are `None` before it was read at its present address."""

    instance_id: int
    name: str
    url: str
    settings: ProwlarrSettings
    figures: Figures | None

    def is_fresh(self, now: datetime) -> bool:
        """Whether its figures are young enough to decide by: an hour, or three refreshes."""
        age = max(FRESH_FOR, FRESH_REFRESHES * timedelta(minutes=self.settings.refresh_minutes))
        return self.figures is not None and now - self.figures.measured_at < age


@dataclass(frozen=True, slots=True)
class SearchingApp:
    """An app that searches with indexers. `links` are its indexers; none are known before it was first asked."""

    instance_id: int
    url: str
    links: Sequence[IndexerLink] = ()


async def known_prowlarrs(session: AsyncSession, *, lock: bool = False) -> list[KnownProwlarr]:
    """All that are enabled. With `lock` whoever asks so too waits until this transaction ends (PostgreSQL; SQLite has
    one writer at a time)."""
    instances = select(Instance).where(Instance.app_type == AppType.PROWLARR, col(Instance.enabled)).order_by("id")
    rows = (await session.exec(instances)).all()
    if not rows:
        return []
    states = select(ProwlarrState).order_by(col(ProwlarrState.instance_id))
    found = {state.instance_id: state for state in await session.exec(states.with_for_update() if lock else states)}
    return [known_of(row, found.get(row.id or 0)) for row in rows]


def known_of(row: Instance, state: ProwlarrState | None) -> KnownProwlarr:
    figures = Figures.of(state) if state is not None and state.url == row.url else None
    return KnownProwlarr(row.id or 0, row.name, row.address, ProwlarrSettings.model_validate(row.overrides), figures)


def apps_behind(prowlarr: KnownProwlarr, apps: Iterable[SearchingApp]) -> Mapping[int, frozenset[int]]:
    """The apps that search through a Prowlarr, and the ids of its indexers that each of them can use.

    An app's own indexers tell it best, then the list of applications in Prowlarr. Where neither names any app, every
    app of whose indexers nothing is known counts, with all indexers.
    """
    figures = prowlarr.figures
    if figures is None:
        return {}
    everything = frozenset(each.indexer.indexer_id for each in figures.indexers)
    addresses = {_address(url) for url in figures.applications or ()}
    found: dict[int, frozenset[int]] = {}
    unknown: dict[int, frozenset[int]] = {}
    for app in apps:
        ids = linked(figures.indexers, app.links, prowlarr.url)
        if ids:
            found[app.instance_id] = frozenset(ids)
        elif not app.links:
            (found if _address(app.url) in addresses else unknown)[app.instance_id] = everything
    return found or unknown


def budgets_of(prowlarr: KnownProwlarr, apps: Sequence[SearchingApp]) -> Mapping[int, Budget]:
    """What a Prowlarr leaves to the hunts of each instance behind it."""
    figures, behind = prowlarr.figures, apps_behind(prowlarr, apps)
    if figures is None:
        return {}
    return {
        instance_id: Budget(
            prowlarr_id=prowlarr.instance_id,
            reserve_percent=prowlarr.settings.reserve_percent,
            measured_at=figures.measured_at,
            instance_ids=frozenset(behind),
            indexers=tuple(each.budget() for each in figures.indexers if each.indexer.indexer_id in ids),
        )
        for instance_id, ids in behind.items()
    }


def _address(url: str) -> tuple[str, str]:
    """Host with port, and path: the same for `http` and `https`."""
    parts = urlsplit(url.lower())
    return parts.netloc, parts.path.rstrip("/")
