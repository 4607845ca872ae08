"""Our client of SABnzbd against a simulated one."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio

from app.downloads.models import ClientConnection, ClientKind, DownloadState, MagnetLink, NzbFile
from app.downloads.sabnzbd import Sabnzbd
from app.http.client import HttpClient
from app.http.errors import HttpError
from tests.simulator.hosting import serve
from tests.simulator.sabnzbd import KEY, SabJob, SabnzbdSim

NZB = NzbFile(b'<?xml version="1.0"?><nzb></nzb>')


@dataclass
class Sab:
    sim: SabnzbdSim
    connection: ClientConnection
    client: Sabnzbd


@pytest_asyncio.fixture
async def sab(http: HttpClient, tmp_path: Path) -> AsyncIterator[Sab]:
    sim = SabnzbdSim(tmp_path / "complete")
    async with serve(sim) as url:
        connection = ClientConnection(ClientKind.SABNZBD, url, api_key=KEY)
        yield Sab(sim, connection, Sabnzbd(http, connection))


@pytest.mark.asyncio
async def test_a_test_tells_version_and_place(sab: Sab) -> None:
    info = await sab.client.test()
    assert (info.version, info.save_path, info.warning) == ("4.5.1", str(sab.sim.complete), None)
    sab.sim.categories = ("*",)
    assert "no category huntarr" in ((await sab.client.test()).warning or "")


@pytest.mark.asyncio
async def test_a_job_is_added_with_name_and_category(sab: Sab) -> None:
    number = await sab.client.add(NZB, name='Some "Movie" (2019) ü')
    [job] = sab.sim.jobs
    assert (job.number, job.name, job.category) == (number, 'Some "Movie" (2019) ü', "huntarr")
    [found] = await sab.client.downloads()
    assert (found.state, found.size, found.left) == (DownloadState.DOWNLOADING, 100 * 2**20, 50 * 2**20)
    await sab.client.remove(number, delete_files=True)
    assert sab.sim.jobs == []


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("Queued", DownloadState.QUEUED),
        ("Grabbing", DownloadState.QUEUED),
        ("Paused", DownloadState.PAUSED),
        ("Checking", DownloadState.CHECKING),
        ("Extracting", DownloadState.DOWNLOADING),
        ("Completed", DownloadState.DOWNLOADING),
    ],
)
@pytest.mark.asyncio
async def test_states_in_the_queue(sab: Sab, status: str, state: DownloadState) -> None:
    sab.sim.jobs.append(SabJob("1", "x", "huntarr", status))
    [found] = await sab.client.downloads()
    assert found.state is state


@pytest.mark.asyncio
async def test_states_in_the_history(sab: Sab) -> None:
    job = SabJob("1", "x", "huntarr")
    sab.sim.jobs.append(job)
    sab.sim.finish(job, sab.sim.complete / "huntarr" / "x")
    [found] = await sab.client.downloads()
    assert (found.state, found.path, found.is_shared_path) == (DownloadState.COMPLETED, job.storage, False)
    for shared in (sab.sim.complete, sab.sim.complete / "huntarr"):
        sab.sim.finish(job, shared)
        [found] = await sab.client.downloads()
        assert found.is_shared_path
    sab.sim.fail(job, "Unpacking failed, not enough space on disk")
    [found] = await sab.client.downloads()
    assert found.state is DownloadState.WARNING
    sab.sim.fail(job, "Aborted, cannot be completed")
    [found] = await sab.client.downloads()
    assert (found.state, found.message) == (DownloadState.FAILED, "Aborted, cannot be completed")


@pytest.mark.asyncio
async def test_jobs_of_others_are_only_looked_at(sab: Sab) -> None:
    sab.sim.jobs.append(SabJob("1", "x", "tv"))
    assert list(await sab.client.downloads()) == []
    assert [each.category for each in await sab.client.all_downloads()] == ["tv"]


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.asyncio
async def test_a_wrong_key_is_told(sab: Sab, http: HttpClient, plain: bool) -> None:
    sab.sim.plain_errors = plain
    with pytest.raises(HttpError) as refused:
        await Sabnzbd(http, replace(sab.connection, api_key="wrong")).test()
    assert refused.value.code.value == "unauthorized"


@pytest.mark.asyncio
async def test_refused_releases_are_told(sab: Sab) -> None:
    sab.sim.refuses = True
    with pytest.raises(HttpError, match="not an NZB"):
        await sab.client.add(NZB, name="x")
    with pytest.raises(HttpError, match="NZBs only"):
        await sab.client.add(MagnetLink("magnet:", "a" * 40), name="x")
