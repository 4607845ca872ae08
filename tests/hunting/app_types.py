"""What tests of the hunt need for every type of simulated app."""

from datetime import datetime, timedelta
from typing import Any, get_args

import pytest

from tests.simulator import SimApp
from tests.simulator.definitions import AppKind
from tests.support.rig import START

ALL: tuple[AppKind, ...] = get_args(AppKind)
WITH_SCORES: tuple[AppKind, ...] = tuple(kind for kind in ALL if kind != "readarr")
WITH_OWNERS: tuple[AppKind, ...] = ("sonarr", "sonarr5", "lidarr", "readarr", "whisparr2")
WITHOUT_LISTS: AppKind = "whisparr3old"
SILENT: tuple[AppKind, ...] = ("readarr", "whisparr2", "whisparr3old")
"""They do not tell of their own searches."""

every_app = pytest.mark.parametrize("kind", ALL)
LONG_AGO = START - timedelta(days=900)


def add(app: SimApp, owner: int | None = None, *, released: datetime = LONG_AGO, **fields: Any) -> int:
    """An item that may be searched."""
    return app.add_item(owner, released=released, **fields)


def add_to(app: SimApp, owner: int, number: int) -> int:
    """Item `number` of an owner; each episode is in a season of its own."""
    seasons: dict[str, Any] = {"season": number} if app.definition.item == "episode" else {}
    return add(app, owner, **seasons)


def scored_profile(app: SimApp) -> tuple[int, int, int]:
    """A profile that asks for a score: its id, that score, and a quality that is good enough."""
    profile = next(p for p in app.library.profiles.values() if p.upgrade_allowed and p.cutoff_format_score > 0)
    below = profile.below_cutoff()
    quality = next(quality_id for quality_id in profile.allowed_qualities() if quality_id not in below)
    return profile.id, profile.cutoff_format_score, quality


def add_scored(app: SimApp, score: int, *, owner: int | None = None, **fields: Any) -> int:
    """An item that has a file of good quality with this custom-format score."""
    profile_id, _, quality = scored_profile(app)
    if app.definition.owner is not None and owner is None:
        owner = app.add_owner(profile_id=profile_id)
    own: dict[str, Any] = {} if app.definition.owner is not None else {"profile_id": profile_id}
    return add(app, owner, has_file=True, quality_id=quality, score=score, **own, **fields)


def searched(app: SimApp) -> list[tuple[int, ...]]:
    """What the app searched, in order."""
    return [record.item_ids for record in app.searcher.records]
