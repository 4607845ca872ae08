"""What the database adds up for all instances is what a hunt counts before each search."""

import random
from datetime import timedelta

import pytest

from app.hunting.store.cap_entries import used_by_instance, used_caps
from app.hunting.store.caps import UsedUnits
from app.hunting.store.models import CapEntry
from tests.simulator import LibrarySpec
from tests.support.rig import START, Rig

pytestmark = [pytest.mark.asyncio, pytest.mark.storage]


async def test_the_caps_of_all_instances_are_those_of_each(rig: Rig) -> None:
    rng = random.Random(4)
    instances = [await rig.add(rig.sonarr(LibrarySpec(series=1)), name=f"TV {n}", daily_cap=60) for n in range(4)]
    minutes = [0, 1, 59, 60, 61, 1439, 1440, 1441, -1, -1440, -1441, -900_000]
    async with rig.container.infra.db.session() as session:
        for instance in instances[1:]:
            for number in range(rng.randint(0, 40)):
                at = START - timedelta(minutes=rng.choice([*minutes, rng.randint(0, 3000)]))
                units = rng.randint(1, 4)
                session.add(CapEntry(instance_id=instance.id, search_id=number, units=units, reserved_at=at))
    async with rig.container.infra.db.reading() as session:
        used = await used_by_instance(session, START)
        for instance in instances:
            hunting = instance.hunting
            assert hunting is not None
            counted = await used_caps(session, instance.id, hunting, START)
            hourly, daily = hunting.hourly_cap, hunting.daily_cap
            assert used.get(instance.id, UsedUnits()).caps(hourly=hourly, daily=daily) == counted
