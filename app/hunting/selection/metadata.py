"""Tags and quality profiles of the apps, kept for ten minutes in this process."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from app.arr.base import ArrClient
from app.arr.models import QualityProfile

MAX_AGE = timedelta(minutes=10)


class MetadataCache:
    """By instance: when the tags or profiles were read, and what they were."""

    def __init__(self) -> None:
        self._tags: dict[int, tuple[datetime, Mapping[str, int]]] = {}
        self._profiles: dict[int, tuple[datetime, Mapping[int, QualityProfile]]] = {}

    async def tags(self, instance_id: int, client: ArrClient, now: datetime) -> Mapping[str, int]:
        """Tag ids by label in lower case."""
        kept = self._tags.get(instance_id)
        if kept is None or _is_old(kept[0], now):
            tags = {label.casefold(): tag_id for tag_id, label in (await client.tags()).items()}
            kept = self._tags[instance_id] = (now, tags)
        return kept[1]

    async def profiles(self, instance_id: int, client: ArrClient, now: datetime) -> Mapping[int, QualityProfile]:
        """Quality profiles by id."""
        kept = self._profiles.get(instance_id)
        if kept is None or _is_old(kept[0], now):
            profiles = {profile.profile_id: profile for profile in await client.quality_profiles()}
            kept = self._profiles[instance_id] = (now, profiles)
        return kept[1]

    async def tag_id(self, instance_id: int, client: ArrClient, label: str, now: datetime) -> int:
        """The id of a tag, which is created if the app has none of that label."""
        tags = await self.tags(instance_id, client, now)
        if label not in tags:
            tags = {**tags, label: await client.add_tag(label)}
            self._tags[instance_id] = (self._tags[instance_id][0], tags)
        return tags[label]


def _is_old(read_at: datetime, now: datetime) -> bool:
    return not timedelta(0) <= now - read_at <= MAX_AGE
