"""What Swaparr asks of an app beside its queue, against every simulated app."""

import pytest

from app.arr.download_control import DownloadControl
from app.arr.errors import ArrError
from tests.arr.simulated import SimulatedApp

pytestmark = pytest.mark.asyncio


def control_of(sim: SimulatedApp) -> DownloadControl:
    return DownloadControl(sim.http, sim.client.app_type, sim.connection)


async def test_the_age_of_the_queue_and_of_the_app(sim: SimulatedApp) -> None:
    control = control_of(sim)
    before = await control.refreshed_at()
    started_at = await control.started_at()
    assert before is not None
    assert started_at is not None
    sim.app.advance(120)
    await control.refresh()
    after = await control.refreshed_at()
    assert after is not None
    assert after > before


async def test_health_is_told_by_the_names_of_its_checks(sim: SimulatedApp) -> None:
    assert "DownloadClientCheck" not in await control_of(sim).health()
    sim.app.health = [{"source": "DownloadClientCheck", "type": "error", "message": "gone", "wikiUrl": ""}]
    assert "DownloadClientCheck" in await control_of(sim).health()


async def test_the_details_of_a_row(sim: SimulatedApp) -> None:
    item = sim.app.add_item()
    messages = [{"title": "A.mkv", "messages": ["Sample"]}]
    given = sim.app.downloads.add([item], title="A.Release", size=1000, size_left=400, messages=messages, grabbed=True)
    [row] = [row for row in await sim.client.queue() if row.download_id == given.download_id]
    assert row.details is not None
    assert (row.details.title, row.details.size, row.details.left) == ("A.Release", 1000, 400)
    assert (row.details.client, row.details.protocol) == (given.client, "torrent")
    assert row.details.messages == (("A.mkv", ("Sample",)),)
    assert row.row_id > 0


async def test_a_removal_takes_the_download_and_one_that_is_gone_is_no_error(sim: SimulatedApp) -> None:
    item = sim.app.add_item()
    given = sim.app.downloads.add([item], grabbed=True)
    [row] = [row for row in await sim.client.queue() if row.download_id == given.download_id]
    given.client_error = "Unable to connect"
    with pytest.raises(ArrError):
        await control_of(sim).remove(row.row_id, from_client=True, blocklist=True)
    assert given.download_id in sim.app.downloads.all
    given.client_error = None
    await control_of(sim).remove(row.row_id, from_client=True, blocklist=True)
    assert given.download_id not in sim.app.downloads.all
    searches = [command for command in sim.app.commands.every if "Search" in command.kind.name]
    assert searches == [], "the search after it is ours"
    await control_of(sim).remove(row.row_id, from_client=True, blocklist=True)
