"""Whether a release is on the blocklist."""

from datetime import timedelta

from app.indexers.models import Protocol
from app.movie_hunt.decisions.facts import BlockedRelease, Offer

SAME_POST = timedelta(minutes=2)
"""Two indexers date the same post of usenet so closely."""


def is_blocked(offer: Offer, blocked: BlockedRelease) -> bool:
    """A torrent by its info hash, or its exact title at the same indexer; usenet by title and date.

    The date of a usenet post may drift by seconds, and each indexer counts its size in its own way.
    """
    if offer.protocol is not blocked.protocol:
        return False
    has_title = offer.name.name == blocked.title
    if offer.protocol is Protocol.TORRENT:
        if offer.info_hash and blocked.info_hash:
            return offer.info_hash.lower() == blocked.info_hash.lower()
        return has_title and offer.indexer_id == blocked.indexer_id
    if not has_title:
        return False
    if offer.published_at is None or blocked.published_at is None:
        return offer.indexer_id == blocked.indexer_id
    return abs(offer.published_at - blocked.published_at) <= SAME_POST
