"""Apps whose items have an owner, a series, an artist or an author, that can be searched as a whole."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from app.arr.base import ArrClient, KnownItems
from app.arr.errors import ArrError, ErrorCode
from app.arr.models import LibraryStep, QualityProfile, Unit, WantedItem
from app.arr.parsing import read_list, read_one
from app.arr.resources import OwnedResource, OwnerResource


class OwnedClient(ArrClient):
    """Files can be listed by item or by owner."""

    owner: ClassVar[Unit]
    item_resource: ClassVar[type[OwnedResource]]

    async def extent(self, owner_id: int) -> int:
        return max(self._covered(await self._owner(owner_id)), 1)

    async def upgradable(
        self, first_id: int, *, profiles: Mapping[int, QualityProfile], budget: int, known_items: KnownItems
    ) -> LibraryStep:
        """One owner per step. Its items come in one reply: to leave out `known_items` would save nothing."""
        if not self.has_scores:
            raise self._lacks("custom-format scores")
        try:
            owner = await self._owner(first_id)
        except ArrError as failure:
            if failure.code is not ErrorCode.NOT_FOUND:
                raise
            return LibraryStep((), first_id + 1, requests=1, is_empty=True)
        profile = profiles.get(owner.quality_profile_id or 0)
        if not owner.monitored or profile is None or not profile.wants_score:
            return LibraryStep((), first_id + 1, requests=1)
        items, requests = await self._with_files(first_id, owner, profile)
        found = (profile.upgrade_of(item) for item in items if item.monitored)
        return LibraryStep(
            tuple(upgrade for upgrade in found if upgrade is not None), first_id + 1, requests=1 + requests
        )

    def _covered(self, owner: OwnerResource) -> int:
        """How many items a search of the owner covers."""
        return (owner.statistics and owner.statistics.item_count) or 0

    async def _with_files(
        self, owner_id: int, owner: OwnerResource, profile: QualityProfile
    ) -> tuple[list[WantedItem], int]:
        """The owner's items with files, none unless a file is below the profile; and the requests it took, 1 or 2."""
        files = await self._files({f"{self.owner}Id": owner_id})
        if not any(profile.is_below(file) for file in files.values()):
            return [], 1
        reply = await self._ask("GET", self.item, params={f"{self.owner}Id": owner_id})
        records = [record for record in read_list(self.item_resource, reply, "items") if record.id in files]
        return [replace(record.with_owner(owner).item(self.item), file=files[record.id]) for record in records], 2

    async def _owner(self, owner_id: int) -> OwnerResource:
        return read_one(OwnerResource, await self._ask("GET", f"{self.owner}/{owner_id}"), self.owner)
