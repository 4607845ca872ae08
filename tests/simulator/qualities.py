"""Qualities and quality profiles, with the apps' rule of what lies below a cutoff (arr contracts §3.3, §6.2)."""

from dataclasses import dataclass, field
from typing import Any

from tests.simulator.wire import Json


@dataclass(frozen=True, slots=True)
class Quality:
    id: int
    name: str
    source: str
    resolution: int
    movie_source: str
    modifier: str = "none"


QUALITIES = {
    quality.id: quality
    for quality in (
        Quality(0, "Unknown", "unknown", 0, "unknown"),
        Quality(1, "SDTV", "television", 480, "tv"),
        Quality(2, "DVD", "dvd", 480, "dvd"),
        Quality(3, "WEBDL-1080p", "web", 1080, "webdl"),
        Quality(4, "HDTV-720p", "television", 720, "tv"),
        Quality(5, "WEBDL-720p", "web", 720, "webdl"),
        Quality(6, "Bluray-720p", "bluray", 720, "bluray"),
        Quality(7, "Bluray-1080p", "bluray", 1080, "bluray"),
        Quality(8, "WEBDL-480p", "web", 480, "webdl"),
        Quality(9, "HDTV-1080p", "television", 1080, "tv"),
        Quality(14, "WEBRip-720p", "webRip", 720, "webrip"),
        Quality(15, "WEBRip-1080p", "webRip", 1080, "webrip"),
        Quality(16, "HDTV-2160p", "television", 2160, "tv"),
        Quality(18, "WEBDL-2160p", "web", 2160, "webdl"),
        Quality(19, "Bluray-2160p", "bluray", 2160, "bluray"),
    )
}


@dataclass(frozen=True, slots=True)
class ProfileItem:
    """One step of a profile's ladder: a single quality, or a named group of them (group ids start at 1000)."""

    qualities: tuple[int, ...]
    allowed: bool
    group_id: int = 0
    name: str = ""


@dataclass(slots=True)
class Profile:
    id: int
    name: str
    items: tuple[ProfileItem, ...]
    cutoff: int
    upgrade_allowed: bool = True
    min_format_score: int = 0
    cutoff_format_score: int = 0
    format_scores: dict[int, int] = field(default_factory=dict)

    def effective_cutoff(self) -> int:
        """Without upgrades the first allowed quality takes the cutoff's place (arr contracts §3.3)."""
        if self.upgrade_allowed:
            return self.cutoff
        return next((item.qualities[0] for item in self.items if item.allowed), self.cutoff)

    def below_cutoff(self) -> frozenset[int]:
        """Every quality of the earlier steps, allowed or not; an unknown cutoff means step 0 (arr contracts §3.3)."""
        cutoff = self.effective_cutoff()
        position = 0
        for index, item in enumerate(self.items):
            if cutoff in item.qualities or (item.group_id and cutoff == item.group_id):
                position = index
                break
        return frozenset(quality for item in self.items[:position] for quality in item.qualities)

    def allowed_qualities(self) -> list[int]:
        """Worst to best."""
        return [quality for item in self.items if item.allowed for quality in item.qualities]


LADDER: tuple[tuple[int, str, tuple[int, ...]], ...] = (
    (0, "", (0,)),
    (0, "", (1,)),
    (0, "", (8,)),
    (0, "", (2,)),
    (0, "", (4,)),
    (0, "", (9,)),
    (1001, "WEB 720p", (14, 5)),
    (0, "", (6,)),
    (1002, "WEB 1080p", (15, 3)),
    (0, "", (7,)),
    (0, "", (16,)),
    (0, "", (18,)),
    (0, "", (19,)),
)


def ladder(allowed: set[int]) -> tuple[ProfileItem, ...]:
    return tuple(ProfileItem(members, bool(allowed & set(members)), group, name) for group, name, members in LADDER)


def stock_profiles() -> list[Profile]:
    """A variety: plain, with a group as cutoff and a format score, without upgrades, and a demanding one."""
    return [
        Profile(1, "Any", ladder({1, 8, 2, 4, 9, 14, 5, 6, 15, 3, 7}), cutoff=4),
        Profile(
            2, "HD-1080p", ladder({9, 15, 3, 7}), cutoff=1002, cutoff_format_score=100, format_scores={1: 50, 2: 50}
        ),
        Profile(3, "No upgrades", ladder({4, 14, 5, 6}), cutoff=6, upgrade_allowed=False, cutoff_format_score=100),
        Profile(4, "Ultra-HD", ladder({16, 18, 19}), cutoff=19, format_scores={1: 100}),
    ]


CUSTOM_FORMATS = {1: "Preferred Group", 2: "HDR"}


def quality_json(quality_id: int, *, movie: bool) -> Json:
    quality = QUALITIES[quality_id]
    shape: Json = {
        "id": quality.id,
        "name": quality.name,
        "source": quality.movie_source if movie else quality.source,
        "resolution": quality.resolution,
    }
    if movie:
        shape["modifier"] = quality.modifier
    return shape


def quality_model(quality_id: int, *, movie: bool, version: int = 1) -> Json:
    revision = {"version": version, "real": 0, "isRepack": False}
    return {"quality": quality_json(quality_id, movie=movie), "revision": revision}


def profile_json(profile: Profile, *, movie: bool) -> Json:
    items: list[Any] = []
    for item in profile.items:
        members = [
            {"quality": quality_json(q, movie=movie), "items": [], "allowed": item.allowed} for q in item.qualities
        ]
        if item.group_id:
            items.append({"name": item.name, "items": members, "allowed": item.allowed, "id": item.group_id})
        else:
            items.append(members[0])
    shape: Json = {
        "name": profile.name,
        "upgradeAllowed": profile.upgrade_allowed,
        "cutoff": profile.cutoff,
        "items": items,
        "minFormatScore": profile.min_format_score,
        "cutoffFormatScore": profile.cutoff_format_score,
        "minUpgradeFormatScore": 1,
        "formatItems": [
            {"format": format_id, "name": name, "score": profile.format_scores.get(format_id, 0)}
            for format_id, name in CUSTOM_FORMATS.items()
        ],
        "id": profile.id,
    }
    if movie:
        shape["language"] = {"id": -1, "name": "Any"}
    return shape
