"""Gathers what a decision about a movie's releases is made of."""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.clock import Clock
from app.core.db import Database
from app.downloads.models import ClientKind
from app.indexers.models import Protocol
from app.movie_hunt.decisions.facts import BlockedRelease, GrabRules, JudgedOffer, MovieFacts, Offer, ProfileRules
from app.movie_hunt.decisions.judging import judge
from app.movie_hunt.decisions.ranking import MEGABYTE
from app.movie_hunt.models import (
    OPEN_GRABS,
    BlocklistEntry,
    Grab,
    Movie,
    MovieDownloadClient,
    MovieFile,
    MovieProfile,
    RootFolder,
)
from app.movie_hunt.profiles import ProfileDocument, rules_of
from app.movie_hunt.release_facts import blocked_release, held_file, held_grab, movie_facts
from app.movie_hunt.settings import MovieHuntSettings, MovieHuntSettingsService


@dataclass(frozen=True, slots=True)
class MovieCase:
    """A movie with everything that a decision about its releases needs."""

    movie: Movie
    facts: MovieFacts
    profile: ProfileRules
    rules: GrabRules

    def judge(self, offers: Sequence[Offer]) -> list[JudgedOffer]:
        return judge(offers, self.facts, self.profile, self.rules)


class VerdictMaker:
    """Reads rows only; the decision itself is pure."""

    def __init__(self, db: Database, settings: MovieHuntSettingsService, clock: Clock) -> None:
        self._db = db
        self._settings = settings
        self._clock = clock

    async def case_of(self, movie_id: int) -> MovieCase | None:
        """`None` when the movie is gone."""
        settings = await self._settings.read()
        async with self._db.reading() as session:
            movie = await session.get(Movie, movie_id)
            if movie is None:
                return None
            profile = await session.get_one(MovieProfile, movie.quality_profile_id)
            root = None if movie.root_folder_id is None else await session.get(RootFolder, movie.root_folder_id)
            facts = await _facts(session, movie)
            query = select(BlocklistEntry).where(BlocklistEntry.movie_id == movie_id)
            blocked = [blocked_release(row) for row in (await session.exec(query)).all()]
            protocols = await client_protocols(session)
        free = None if root is None else await asyncio.to_thread(free_space, root.path)
        rules = self._rules(settings, protocols, free, blocked)
        return MovieCase(movie, facts, rules_of(ProfileDocument.model_validate(profile.rules)), rules)

    def _rules(
        self,
        settings: MovieHuntSettings,
        protocols: frozenset[Protocol],
        free: int | None,
        blocked: Sequence[BlockedRelease],
    ) -> GrabRules:
        return GrabRules(
            now=self._clock(),
            protocols=protocols,
            preferred_protocol=settings.preferred_protocol,
            prefers_flags=settings.prefers_flags,
            allows_hardcoded_subtitles=settings.allows_hardcoded_subtitles,
            upgrades_to_propers=settings.upgrades_to_propers,
            max_size=None if settings.max_size_mb is None else settings.max_size_mb * MEGABYTE,
            retention_days=settings.retention_days,
            minimum_age_minutes=settings.minimum_age_minutes,
            free_space=None if free is None else free - settings.min_free_space_mb * MEGABYTE,
            blocklist=blocked,
        )


async def client_protocols(session: AsyncSession) -> frozenset[Protocol]:
    """What the enabled download clients take."""
    kinds = (await session.exec(select(MovieDownloadClient.kind).where(col(MovieDownloadClient.enabled)))).all()
    return frozenset(Protocol.TORRENT if ClientKind(each).is_for_torrents else Protocol.USENET for each in kinds)


def free_space(path: str) -> int | None:
    """Bytes free on the volume of the folder; `None` where that cannot be told."""
    try:
        return shutil.disk_usage(path).free
    except OSError:
        return None


async def _facts(session: AsyncSession, movie: Movie) -> MovieFacts:
    file = await session.get(MovieFile, movie.id)
    query = select(Grab).where(Grab.movie_id == movie.id, col(Grab.state).in_(OPEN_GRABS))
    grabs = (await session.exec(query)).all()
    return replace(
        movie_facts(movie),
        file=None if file is None else held_file(file),
        downloading=tuple(held_grab(row) for row in grabs),
    )
