"""Whether the tables agree with each other and with what the app really did."""

from sqlmodel import select

from app.counters.models import StatTotal
from app.hunting.store.models import OPEN, CapEntry, Hunt, Outcome, Search
from tests.hunting.libraries import searches_of
from tests.simulator import SimApp
from tests.support.rig import Rig

UNSETTLED = {Outcome.SENDING, Outcome.PENDING}


async def check_consistency(rig: Rig, app: SimApp) -> None:
    """Nothing is open, nothing was searched twice, every counter fits."""
    async with rig.container.infra.db.reading() as session:
        hunts = (await session.exec(select(Hunt))).all()
        searches = (await session.exec(select(Search))).all()
        caps = (await session.exec(select(CapEntry))).all()
        totals = (await session.exec(select(StatTotal))).all()
    assert [hunt.status for hunt in hunts if hunt.status in OPEN] == []
    assert [search.outcome for search in searches if search.outcome in UNSETTLED] == []
    assert set(searches_of(app).values()) <= {1}
    taken = [search for search in searches if search.command_id is not None]
    assert len({search.command_id for search in taken}) == len(taken)
    ran = {record.command_id for record in app.searcher.records}
    assert {search.command_id for search in taken} == ran
    for hunt in hunts:
        assert hunt.searched == sum(search.hunt_id == hunt.id for search in taken)
    assert sum(total.hunted + total.upgraded for total in totals) == len(taken)
    refused = [search for search in searches if search.command_id is None and search.outcome == Outcome.SEARCH_FAILED]
    assert len(caps) == len(searches) - len(refused)
