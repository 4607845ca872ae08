"""Whether the books agree with each other and with what the app really did."""

from sqlmodel import select

from app.counters.models import StatTotal
from app.hunting.store.models import OPEN, CapEntry, Hunt, Outcome, Search
from tests.hunting.libraries import searches_of
from tests.simulator import SimApp
from tests.support.rig import Rig

UNSETTLED = {Outcome.SENDING, Outcome.PENDING}


async def check_books(rig: Rig, app: SimApp) -> None:
    """Nothing is open, nothing was searched twice, every counter fits."""
    async with rig.container.infra.db.reading() as session:
        hunts = (await session.exec(select(Hunt))).all()
        searches = (await session.exec(select(Search))).all()
        caps = (await session.exec(select(CapEntry))).all()
        totals = (await session.exec(select(StatTotal))).all()
    assert [hunt.status for hunt in hunts if hunt.status in OPEN] == []
    assert [one.outcome for one in searches if one.outcome in UNSETTLED] == []
    assert set(searches_of(app).values()) <= {1}
    taken = [one for one in searches if one.command_id is not None]
    assert len({one.command_id for one in taken}) == len(taken)
    ran = {record.command_id for record in app.searcher.records}
    assert {one.command_id for one in taken} == ran
    for hunt in hunts:
        assert hunt.searched == sum(one.hunt_id == hunt.id for one in taken)
    assert sum(total.hunted + total.upgraded for total in totals) == len(taken)
    refused = [one for one in searches if one.command_id is None and one.outcome == Outcome.SEARCH_FAILED]
    assert len(caps) == len(searches) - len(refused)
