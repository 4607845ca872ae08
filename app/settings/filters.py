"""The tags and quality profiles that settings name, found among those of an app."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from app.core.lines import comparable
from app.settings.hunting import HuntingSettings

Ids = frozenset[int]
EXCLUDING = ("exclude_tags", "exclude_quality_profiles")


def ids_by_name(named: Iterable[tuple[int, str]]) -> dict[str, Ids]:
    """By `comparable` name: all ids of that name, which may be several."""
    found: dict[str, Ids] = {}
    for number, name in named:
        found[comparable(name)] = found.get(comparable(name), frozenset()) | {number}
    return found


@dataclass(frozen=True, slots=True)
class UnknownName:
    """A name in a setting that the app does not know."""

    setting: str
    name: str

    def sentence(self, app_name: str) -> str:
        kind = "quality profile" if self.setting == "exclude_quality_profiles" else "tag"
        return f"{self.setting} names {self.name!r}, but {app_name} has no such {kind}."


@dataclass(frozen=True, slots=True)
class ResolvedFilters:
    """The filters of an instance as ids of its app."""

    include_tags: Ids | None = None
    """`None` without such a filter; empty when the app has none of the tags."""
    exclude_tags: Ids = frozenset()
    exclude_quality_profiles: Ids = frozenset()
    tag_searched: Ids = frozenset()
    unknown: Sequence[UnknownName] = field(default_factory=tuple)

    @classmethod
    def of(cls, hunting: HuntingSettings, tags: Mapping[str, Ids], profiles: Mapping[str, Ids]) -> "ResolvedFilters":
        """`tags` and `profiles` are those of the app, by `comparable` name."""
        unknown: list[UnknownName] = []

        def ids(setting: str, known: Mapping[str, Ids]) -> Ids:
            names = {name: known.get(comparable(name)) for name in getattr(hunting, setting)}
            unknown.extend(UnknownName(setting, name) for name, found in names.items() if not found)
            return frozenset().union(*(found for found in names.values() if found))

        included = ids("include_tags", tags)
        return cls(
            include_tags=included if hunting.include_tags else None,
            exclude_tags=ids("exclude_tags", tags),
            exclude_quality_profiles=ids("exclude_quality_profiles", profiles),
            tag_searched=tags.get(comparable(hunting.tag_searched or ""), frozenset()),
            unknown=tuple(unknown),
        )

    @property
    def unresolved(self) -> tuple[UnknownName, ...]:
        """Names of what must not be searched: as long as one of them is unknown, nothing may be."""
        return tuple(each for each in self.unknown if each.setting in EXCLUDING)


def needs_tags(hunting: HuntingSettings) -> bool:
    return bool(hunting.include_tags or hunting.exclude_tags or hunting.tag_searched)
