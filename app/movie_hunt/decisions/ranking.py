"""The order of releases: which of them is better."""

import math
from datetime import datetime, timedelta

from app.indexers.models import Protocol, ReleaseFlag
from app.movie_hunt.decisions.facts import GrabRules, MovieFacts, Offer, ProfileRules
from app.movie_hunt.decisions.upgrades import group_of, revision_key

SIZE_STEP = 200 * 1024 * 1024
MEGABYTE = 1024 * 1024
DEFAULT_RUNTIME_MINUTES = 110
"""Of a movie whose runtime is not known."""
FLAG_WORTH = {
    ReleaseFlag.FREELEECH: 4,
    ReleaseFlag.DOUBLE_UPLOAD: 4,
    ReleaseFlag.INTERNAL: 2,
    ReleaseFlag.HALFLEECH: 1,
}
UNKNOWN_AGE = 10_000


def runtime_of(movie: MovieFacts) -> int:
    return movie.runtime_minutes or DEFAULT_RUNTIME_MINUTES


def rank_key(offer: Offer, score: int, movie: MovieFacts, profile: ProfileRules, rules: GrabRules) -> tuple[float, ...]:
    """Sorts the better release before the other; equal keys keep the order in which the indexers had them."""
    return (
        -group_of(offer.name.quality, profile),
        *(-part for part in revision_key(offer.name.revision)),
        -score,
        offer.protocol is not rules.preferred_protocol,
        offer.indexer_priority,
        -sum(FLAG_WORTH.get(flag, 0) for flag in offer.flags) if rules.prefers_flags else 0,
        *_availability(offer, rules.now),
        *_size_key(offer, movie, profile),
    )


def _availability(offer: Offer, now: datetime) -> tuple[float, float]:
    """Torrents by seeders and peers in powers of ten; usenet by age in steps, the younger first."""
    if offer.protocol is Protocol.TORRENT:
        return -_power(offer.seeders), -_power(offer.peers)
    if offer.published_at is None:
        return UNKNOWN_AGE, 0
    age = now - offer.published_at
    for step, limit in enumerate((timedelta(hours=1), timedelta(days=1), timedelta(days=7))):
        if age <= limit:
            return step, 0
    return 3 + _power(age.days), 0


def _power(number: int | None) -> int:
    return round(math.log10(number)) if number and number > 0 else (0 if number == 0 else -1)


def _size_key(offer: Offer, movie: MovieFacts, profile: ProfileRules) -> tuple[float, float]:
    """The distance to the preferred size in steps; without a preferred size the larger one first."""
    band = profile.sizes.get(offer.name.quality)
    size = offer.size or 0
    if band is None or band.preferred is None:
        return 0, -(size // SIZE_STEP)
    preferred = band.preferred * MEGABYTE * runtime_of(movie)
    return abs(size // SIZE_STEP - preferred // SIZE_STEP), 0
