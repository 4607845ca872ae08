"""Tags and quality profiles of the apps, kept for ten minutes in this process."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.arr.base import ArrClient
from app.arr.models import QualityProfile
from app.core.lines import comparable
from app.settings.filters import Ids, ResolvedFilters, ids_by_name, needs_tags
from app.settings.hunting import HuntingSettings

MAX_AGE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class KnownTags:
    """Tags of an app, by `comparable` label."""

    read_at: datetime
    ids: Mapping[str, Ids]


@dataclass(frozen=True, slots=True)
class KnownProfiles:
    """Quality profiles of an app, by id."""

    read_at: datetime
    by_id: Mapping[int, QualityProfile]


@dataclass(frozen=True, slots=True)
class KnownTagged:
    """The owners, or movies, of each tag."""

    read_at: datetime
    ids: Mapping[int, Ids]


class MetadataCache:
    """By instance: its tags and its profiles."""

    def __init__(self) -> None:
        self._tags: dict[int, KnownTags] = {}
        self._profiles: dict[int, KnownProfiles] = {}
        self._tagged: dict[int, KnownTagged] = {}

    async def filters(
        self, instance_id: int, client: ArrClient, hunting: HuntingSettings, now: datetime
    ) -> ResolvedFilters:
        """The filters as ids; a name that what is kept does not know is looked for once more in the app."""
        found = await self._filters(instance_id, client, hunting, now)
        if found.unknown and self._forget_before(instance_id, now):
            found = await self._filters(instance_id, client, hunting, now)
        return found

    async def tags(self, instance_id: int, client: ArrClient, now: datetime) -> Mapping[str, Ids]:
        """Tag ids by `comparable` label."""
        kept = self._tags.get(instance_id)
        if kept is None or _is_old(kept.read_at, now):
            kept = self._tags[instance_id] = KnownTags(now, ids_by_name((await client.tags()).items()))
        return kept.ids

    async def tagged(self, instance_id: int, client: ArrClient, now: datetime) -> Mapping[int, Ids]:
        """What carries each tag, by the tag's id: owners, or movies."""
        kept = self._tagged.get(instance_id)
        if kept is None or _is_old(kept.read_at, now):
            kept = self._tagged[instance_id] = KnownTagged(now, await client.tagged())
        return kept.ids

    async def profiles(self, instance_id: int, client: ArrClient, now: datetime) -> Mapping[int, QualityProfile]:
        """Quality profiles by id."""
        kept = self._profiles.get(instance_id)
        if kept is None or _is_old(kept.read_at, now):
            profiles = {profile.profile_id: profile for profile in await client.quality_profiles()}
            kept = self._profiles[instance_id] = KnownProfiles(now, profiles)
        return kept.by_id

    async def tag_id(self, instance_id: int, client: ArrClient, label: str, now: datetime) -> int:
        """The id of a tag, which is created if the app has none of that label."""
        tags = await self.tags(instance_id, client, now)
        known = tags.get(comparable(label))
        if known:
            return min(known)
        made = await client.add_tag(label)
        kept = self._tags[instance_id]
        self._tags[instance_id] = KnownTags(kept.read_at, {**tags, comparable(label): frozenset({made})})
        return made

    async def _filters(
        self, instance_id: int, client: ArrClient, hunting: HuntingSettings, now: datetime
    ) -> ResolvedFilters:
        tags = await self.tags(instance_id, client, now) if needs_tags(hunting) else {}
        profiles: Mapping[str, Ids] = {}
        if hunting.exclude_quality_profiles:
            read = await self.profiles(instance_id, client, now)
            profiles = ids_by_name((profile_id, profile.name) for profile_id, profile in read.items())
        return ResolvedFilters.of(hunting, tags, profiles)

    def _forget_before(self, instance_id: int, now: datetime) -> bool:
        """Forget what was read earlier; whether there was anything."""
        kept: list[dict[int, KnownTags] | dict[int, KnownProfiles]] = [self._tags, self._profiles]
        old = [cache for cache in kept if instance_id in cache and cache[instance_id].read_at < now]
        for cache in old:
            del cache[instance_id]
        return bool(old)


def _is_old(read_at: datetime, now: datetime) -> bool:
    return not timedelta(0) <= now - read_at <= MAX_AGE
