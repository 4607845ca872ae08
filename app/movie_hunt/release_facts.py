"""Turns what indexers said and rows hold into facts for decisions, and the facts of a release into its JSON."""

from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict

from app.downloads.models import SeedGoals
from app.indexers.models import FoundRelease, Protocol, ReleaseFlag
from app.movie_hunt.decisions.facts import BlockedRelease, HeldFile, JudgedOffer, MovieFacts, Offer
from app.movie_hunt.models import BlocklistEntry, Grab, Movie, MovieFile, MovieIndexer, StoredRelease
from app.releases.models import Quality, ReleaseKind, ReleaseName, Revision
from app.tmdb.languages import LANGUAGES


class ReleaseFacts(BaseModel):
    """The JSON in the rows of releases and grabs."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    indexer: str
    protocol: Protocol
    size: int | None = None
    published_at: datetime | None = None
    seeders: int | None = None
    peers: int | None = None
    info_hash: str | None = None
    info_url: str | None = None
    flags: tuple[ReleaseFlag, ...] = ()
    minimum_ratio: float | None = None
    minimum_seed_seconds: float | None = None
    kind: ReleaseKind = ReleaseKind.MOVIE
    titles: tuple[str, ...] = ()
    year: int | None = None
    quality: Quality = Quality.UNKNOWN
    version: int = 1
    is_repack: bool = False
    edition: str | None = None
    languages: tuple[str, ...] = ()
    group: str | None = None
    client: str | None = None
    """The download client that got it."""

    @property
    def goals(self) -> SeedGoals:
        seconds = self.minimum_seed_seconds
        return SeedGoals(self.minimum_ratio, None if seconds is None else timedelta(seconds=seconds))

    @property
    def document(self) -> dict[str, Any]:
        return self.model_dump(mode="json")


def facts_of(found: FoundRelease, name: ReleaseName, indexer: str) -> ReleaseFacts:
    seed_time = found.minimum_seed_time
    return ReleaseFacts(
        indexer=indexer,
        protocol=found.protocol,
        size=found.size,
        published_at=found.published_at,
        seeders=found.seeders,
        peers=found.peers,
        info_hash=found.info_hash,
        info_url=found.info_url,
        flags=tuple(sorted(found.flags)),
        minimum_ratio=found.minimum_ratio,
        minimum_seed_seconds=None if seed_time is None else seed_time.total_seconds(),
        kind=name.kind,
        titles=name.titles,
        year=name.year,
        quality=name.quality,
        version=name.revision.version,
        is_repack=name.revision.is_repack,
        edition=name.edition,
        languages=name.languages,
        group=name.group,
    )


def release_row(
    movie_id: int, found: FoundRelease, judged: JudgedOffer, *, rank: int, indexer: str, link: str, now: datetime
) -> StoredRelease:
    """The row of a release with its verdict. `link` is encrypted."""
    name = judged.offer.name
    return StoredRelease(
        movie_id=movie_id,
        indexer_id=judged.offer.indexer_id,
        guid=found.guid,
        title=name.name[:1000],
        rank=rank,
        rejections=[reason.value for reason in judged.rejections],
        score=judged.score,
        facts=facts_of(found, name, indexer).document,
        link=link,
        found_at=now,
    )


def offer_of(found: FoundRelease, name: ReleaseName, indexer: MovieIndexer) -> Offer:
    return Offer(
        name=name,
        guid=found.guid,
        indexer_id=indexer.id or 0,
        protocol=found.protocol,
        indexer_priority=indexer.priority,
        size=found.size,
        published_at=found.published_at,
        categories=found.categories,
        tmdb_id=found.tmdb_id,
        imdb_id=found.imdb_id,
        seeders=found.seeders,
        peers=found.peers,
        min_seeders=indexer.min_seeders,
        info_hash=found.info_hash,
        flags=found.flags,
        has_password=found.has_password,
    )


def movie_facts(row: Movie) -> MovieFacts:
    """Without its file and its downloads."""
    return MovieFacts(
        title=row.title,
        year=row.year,
        original_title=row.original_title,
        alternative_titles=tuple(row.alternative_titles),
        tmdb_id=row.tmdb_id,
        imdb_id=row.imdb_id,
        runtime_minutes=row.runtime_minutes,
        original_language=LANGUAGES.get(row.original_language or ""),
    )


def held_file(row: MovieFile) -> HeldFile:
    revision = Revision(row.version, is_repack=row.is_repack)
    return HeldFile(Quality(row.quality), revision, row.score, row.group, row.edition, row.size)


def held_grab(row: Grab) -> HeldFile:
    facts = ReleaseFacts.model_validate(row.facts)
    revision = Revision(facts.version, is_repack=facts.is_repack)
    return HeldFile(facts.quality, revision, row.score, facts.group, facts.edition, row.size)


def blocked_release(row: BlocklistEntry) -> BlockedRelease:
    return BlockedRelease(row.title, Protocol(row.protocol), row.indexer_id, row.info_hash, row.size, row.published_at)
