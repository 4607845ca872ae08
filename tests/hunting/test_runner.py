"""Whole hunts against the simulator: what is searched, what is not, and what the tables hold afterwards."""

from datetime import timedelta

import pytest

from app.hunting.selection.policy import Reason
from app.hunting.store.models import HuntStatus, Outcome
from tests.simulator import LibrarySpec
from tests.support.rig import START, Rig

pytestmark = pytest.mark.asyncio

OLD = START - timedelta(days=1000)


@pytest.mark.storage
async def test_a_hunt_searches_its_batch_and_writes_it_down(rig: Rig) -> None:
    app = rig.sonarr(LibrarySpec(series=20, missing_share=0.6, cutoff_share=0.3))
    instance = await rig.add(app, missing_mode="episode")
    hunt = await rig.hunt(instance)
    assert hunt.status is HuntStatus.COMPLETED
    assert hunt.searched == 3
    searched = [item for item in hunt.items if item.decision is Reason.SEARCH]
    assert [item.hunt_pass for item in searched] == ["missing", "missing", "cutoff"]
    by_the_app = [item_id for record in app.searcher.records for item_id in record.item_ids]
    assert [item.media_key for item in searched] == [f"episode:{item_id}" for item_id in by_the_app]
    assert {item.outcome for item in searched} <= {Outcome.NOTHING_FOUND, Outcome.GRABBED}
