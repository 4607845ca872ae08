"""The word of a download client that is known to us goes before the app's."""

from pathlib import Path

import pytest

from app.downloads.models import ClientDownload, DownloadState
from app.movie_hunt.clients import DownloadClientIn
from app.swaparr.policy import Standing
from app.swaparr.reading import in_words_of_client
from tests.simulator.hosting import serve
from tests.simulator.sabnzbd import KEY, SabJob, SabnzbdSim
from tests.support.rig import Rig
from tests.swaparr.looks import Watched, download, rules


def seen(state: DownloadState, *, is_private: bool | None = None) -> ClientDownload:
    return ClientDownload("A", "A", state, is_private=is_private)


@pytest.mark.parametrize("state", [DownloadState.PAUSED, DownloadState.CHECKING])
def test_what_rests_in_its_client_gets_no_strike(state: DownloadState) -> None:
    watched = Watched(rules())
    stuck = download()
    for _ in range(40):
        watched.look(in_words_of_client(stuck, seen(state), ()))
    assert watched.judged[stuck.download_id].standing is Standing.PAUSED


def test_a_private_torrent_is_known_by_its_client() -> None:
    assert in_words_of_client(download(), seen(DownloadState.DOWNLOADING, is_private=True), ()).is_private is True
    assert in_words_of_client(download(is_private=True), seen(DownloadState.DOWNLOADING), ()).is_private is True


def test_names_of_files_are_looked_at_before_they_are_fetched() -> None:
    watched = Watched(rules(malicious_extensions=["exe"]))
    watched.look(in_words_of_client(download(), seen(DownloadState.DOWNLOADING), ("movie.mkv", "setup.exe")))
    [judged] = watched.judged.values()
    assert judged.cause == "malicious"


@pytest.mark.asyncio
async def test_every_enabled_client_is_asked_and_one_that_is_away_left_out(rig: Rig, tmp_path: Path) -> None:
    sim = SabnzbdSim(tmp_path)
    sim.jobs.append(SabJob("SABnzbd_nzo_X", "Some.Movie", "radarr", "Paused"))
    async with serve(sim) as url:
        clients = rig.container.movie_hunt.clients
        for name, where in (("SAB", url), ("Away", "http://127.0.0.1:1")):
            given = {"name": name, "kind": "sabnzbd", "url": where, "api_key": KEY}
            await clients.create(DownloadClientIn.model_validate(given))
        reader = rig.container.movie_hunt.known_clients
        found = await reader.downloads()
        assert {key: each.download.state for key, each in found.items()} == {"sabnzbd_nzo_x": DownloadState.PAUSED}
        assert await reader.files(found["sabnzbd_nzo_x"]) == ()
