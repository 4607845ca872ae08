"""Apps whose items have an owner, a series, an artist or an author, that can be searched as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from app.arr.base import ArrClient, KnownItems
from app.arr.errors import ArrError, ErrorCode
from app.arr.models import HuntPass, LibraryStep, OwnerFacts, QualityProfile, Unit, WantedItem
from app.arr.parsing import read_list, read_one
from app.arr.resources import OwnedResource, OwnerResource
from app.http.bodies import MAX_SMALL_BYTES


class OwnedClient(ArrClient):
    """Files can be listed by item or by owner."""

    owner: ClassVar[Unit]
    item_resource: ClassVar[type[OwnedResource]]

    async def owner_facts(self, owner_id: int) -> OwnerFacts:
        owner = await self._owner(owner_id)
        return replace(owner.facts(owner_id), extent=max(self._covered(owner), 1))

    async def wanted_of(self, hunt_pass: HuntPass, owner_id: int, *, now: datetime) -> tuple[WantedItem, ...]:
        try:
            owner = await self._owner(owner_id)
        except ArrError as failure:
            if failure.code is ErrorCode.NOT_FOUND:  # removed a moment ago
                return ()
            raise
        if not owner.monitored:
            return ()
        find = self._missing_of if hunt_pass is HuntPass.MISSING else self._below_cutoff_of
        records = [record.with_owner(owner) for record in await find(owner_id, now)]
        return tuple(record.item(self.item) for record in records if record.monitored)

    async def _missing_of(self, owner_id: int, now: datetime) -> Sequence[OwnedResource]:
        """Items of the owner that are out and have not all their files."""
        reply = await self._ask("GET", self.item, params={f"{self.owner}Id": owner_id})
        items = read_list(self.item_resource, reply, "items")
        return [item for item in items if not item.is_complete and item.released is not None and item.released <= now]

    async def _below_cutoff_of(self, owner_id: int, now: datetime) -> Sequence[OwnedResource]:
        """Items of the owner with a file below its cutoff."""
        files = await self._files({f"{self.owner}Id": owner_id})
        low = {item_id for item_id, file in files.items() if file.cutoff_met is False}
        if not low:
            return []
        reply = await self._ask("GET", self.item, params={f"{self.owner}Id": owner_id})
        return [item for item in read_list(self.item_resource, reply, "items") if item.id in low]

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
        reply = await self._ask("GET", f"{self.owner}/{owner_id}", limit=MAX_SMALL_BYTES)
        return read_one(OwnerResource, reply, self.owner)
