"""Apps whose items belong to somebody: to a series, an artist or an author, who can be searched as a whole."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from app.arr.base import ArrClient, Known
from app.arr.errors import ArrError, ErrorCode
from app.arr.models import LibraryStep, QualityProfile, Unit, WantedItem
from app.arr.parsing import read_list, read_one
from app.arr.resources import OwnedResource, OwnerResource


class OwnedClient(ArrClient):
    """Items whose files are listed by item or by owner (arr contracts §6.1)."""

    owner: ClassVar[Unit]
    record: ClassVar[type[OwnedResource]]

    async def extent(self, owner_id: int) -> int:
        return max(self._covered(await self._owner(owner_id)), 1)

    async def upgradable(
        self, first_id: int, *, profiles: Mapping[int, QualityProfile], budget: int, is_known: Known
    ) -> LibraryStep:
        """One owner a step: its items come all at once, so that leaving out known ones would save nothing."""
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
        return LibraryStep(tuple(one for one in found if one is not None), first_id + 1, requests=1 + requests)

    def _covered(self, owner: OwnerResource) -> int:
        """How many items a search of the owner covers."""
        return owner.statistics.item_count if owner.statistics else 0

    async def _with_files(
        self, owner_id: int, owner: OwnerResource, profile: QualityProfile
    ) -> tuple[list[WantedItem], int]:
        """The owner's items that have files, and how many requests (at most 2) it took; none if no file is of use."""
        files = await self._files({f"{self.owner}Id": owner_id})
        if not any(profile.is_below(file) for file in files.values()):
            return [], 1
        reply = await self._ask("GET", self.item, params={f"{self.owner}Id": owner_id})
        records = [record for record in read_list(self.record, reply, "items") if record.id in files]
        return [replace(record.of(owner).item(self.item), file=files[record.id]) for record in records], 2

    async def _owner(self, owner_id: int) -> OwnerResource:
        return read_one(OwnerResource, await self._ask("GET", f"{self.owner}/{owner_id}"), self.owner)
