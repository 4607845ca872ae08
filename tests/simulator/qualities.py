"""Quality profiles, what is below their cutoff by the apps' rule, and their JSON."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.simulator.messages import Json

QualityForm = Literal["series", "movie", "bare"]


@dataclass(frozen=True, slots=True)
class Quality:
    id: int
    name: str
    source: str = ""
    resolution: int = 0
    movie_source: str = ""


@dataclass(frozen=True, slots=True)
class ProfileItem:
    """One step of a profile: a single quality, or a named group of them (group ids start at 1000)."""

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
        """Without upgrades the first allowed quality takes the cutoff's place."""
        if self.upgrade_allowed:
            return self.cutoff
        return next((item.qualities[0] for item in self.items if item.allowed), self.cutoff)

    def below_cutoff(self) -> frozenset[int]:
        """Every quality of the earlier steps, allowed or not; an unknown cutoff means step 0."""
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


Steps = tuple[tuple[int, str, tuple[int, ...]], ...]


def ladder(steps: Steps, allowed: set[int]) -> tuple[ProfileItem, ...]:
    return tuple(ProfileItem(members, bool(allowed & set(members)), group, name) for group, name, members in steps)


@dataclass(slots=True)
class CustomFormat:
    """Its id, name and rules are shown by the API; the simulator does not match releases by them."""

    id: int
    name: str
    specifications: list[Json] = field(default_factory=list)

    def as_json(self) -> Json:
        return {
            "name": self.name,
            "includeCustomFormatWhenRenaming": False,
            "specifications": self.specifications,
            "id": self.id,
        }


def title_rule(name: str, pattern: str) -> Json:
    """A custom format's rule on the release's title."""
    return {
        "name": name,
        "implementation": "ReleaseTitleSpecification",
        "implementationName": "Release Title",
        "infoLink": "https://wiki.servarr.com/",
        "negate": False,
        "required": False,
        "fields": [{"order": 0, "name": "value", "label": "Regular Expression", "value": pattern, "type": "textbox"}],
    }


def stock_formats() -> list[CustomFormat]:
    return [
        CustomFormat(1, "Preferred Group", [title_rule("Group", r"-SIM\b")]),
        CustomFormat(2, "HDR", [title_rule("HDR", r"\bHDR\b")]),
    ]


@dataclass(frozen=True)
class Catalogue:
    """The qualities that an app knows, its stock profiles, and the format of them."""

    qualities: Mapping[int, Quality]
    stock_profiles: Callable[[], list[Profile]]
    usual: int  # what a file has when nothing is said: good enough for profile 1
    low: tuple[int, ...]  # below the cutoff of the profiles 1 to 3
    high: tuple[int, ...]  # at or above it
    form: QualityForm
    min_upgrade_score: bool = False
    language: bool = False
    sized: bool = False
    """Whether profiles hold the sizes that they allow."""

    def quality(self, quality_id: int) -> Json:
        quality = self.qualities[quality_id]
        shape: Json = {"id": quality.id, "name": quality.name}
        if self.form == "bare":
            return shape
        shape["source"] = quality.source if self.form == "series" else quality.movie_source
        shape["resolution"] = quality.resolution
        if self.form == "movie":
            shape["modifier"] = "none"
        return shape

    def model(self, quality_id: int) -> Json:
        """A quality with its revision, as files, queue rows and history records have it."""
        return {"quality": self.quality(quality_id), "revision": {"version": 1, "real": 0, "isRepack": False}}

    def profile(self, profile: Profile, formats: Mapping[int, CustomFormat]) -> Json:
        items: list[Any] = []
        for item in profile.items:
            sizes = {"minSize": 0.0, "maxSize": 100.0, "preferredSize": 95.0} if self.sized else {}
            allowed = {"allowed": item.allowed, **sizes}
            members = [{"quality": self.quality(q), "items": [], **allowed} for q in item.qualities]
            if item.group_id:
                items.append({"name": item.name, "items": members, **allowed, "id": item.group_id})
            else:
                items.append(members[0])
        shape: Json = {
            "name": profile.name,
            "upgradeAllowed": profile.upgrade_allowed,
            "cutoff": profile.cutoff,
            "items": items,
            "minFormatScore": profile.min_format_score,
            "cutoffFormatScore": profile.cutoff_format_score,
            "formatItems": [
                {"format": known.id, "name": known.name, "score": profile.format_scores.get(known.id, 0)}
                for known in formats.values()
            ],
            "id": profile.id,
        }
        if self.min_upgrade_score:
            shape["minUpgradeFormatScore"] = 1
        if self.language:
            shape["language"] = {"id": -1, "name": "Any"}
        return shape
