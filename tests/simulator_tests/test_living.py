"""Downloads that live by the clock, their clients, and what the queue says of both."""

from typing import Any

import pytest

from tests.simulator.living import HEADING, PROBLEMS, Life, Stage, arrives, said, stops_at, stutters
from tests.simulator_tests.caller import Caller

SIZE = 1_000_000
TASK = "RefreshMonitoredDownloads"


@pytest.fixture
def living(any_app: Caller) -> Caller:
    """An app that asks its clients once a minute, as it does in life."""
    any_app.app.settings.queue_refresh_seconds = 60
    any_app.app.clients.add("Transmission", "Transmission")
    any_app.app.clients.add("NZBGet", "Nzbget")
    return any_app


def started(call: Caller, life: Life, *, client: str = "qBittorrent", **fields: Any) -> int:
    """A grab of a new item; it is in the queue after the next refresh."""
    item_id = call.app.add_item(released=None)
    call.app.downloads.add([item_id], grabbed=True, life=life, client=client, size=SIZE, **fields)
    call.app.downloads.refresh(call.app.clock.timestamp())
    return item_id


def rows(call: Caller) -> list[dict[str, Any]]:
    return call.records("queue", pageSize=1000, **{call.app.definition.names.unknown_flag: "true"})


def refreshed_at(call: Caller) -> str:
    found: str = next(task["lastExecution"] for task in call.get("system/task").json if task["taskName"] == TASK)
    return found


def checks(call: Caller) -> set[str]:
    return {problem["source"] for problem in call.get("health").json}


def test_a_healthy_download_arrives_and_is_imported(living: Caller) -> None:
    item_id = started(living, arrives(600))
    living.app.advance(300)
    (row,) = rows(living)
    assert (row["status"], row["sizeleft"], row["timeleft"]) == ("downloading", SIZE / 2, "00:05:00")
    living.app.advance(300)
    (row,) = rows(living)
    assert (row["status"], row["trackedDownloadState"], row["sizeleft"]) == ("completed", "importPending", 0)
    living.app.advance(60)
    assert rows(living) == []
    assert living.app.library.files_of(item_id)


@pytest.mark.parametrize(
    ("client", "doing", "status", "error"),
    [
        ("qBittorrent", "stalled", "warning", "The download is stalled with no connections"),
        ("Transmission", "stalled", "downloading", None),
        ("qBittorrent", "paused", "paused", None),
        ("Transmission", "paused", "downloading", None),
        ("qBittorrent", "queued", "queued", None),
        ("qBittorrent", "metadata", "queued", "qBittorrent is downloading metadata"),
        ("Transmission", "metadata", "queued", None),
        ("qBittorrent", "disk_error", "warning", "qBittorrent is reporting an error"),
        ("NZBGet", "paused", "paused", None),
    ],
)
def test_what_a_client_does_shows_as_in_the_living_apps(
    sonarr: Caller, client: str, doing: Any, status: str, error: str | None
) -> None:
    sonarr.app.clients.add("Transmission", "Transmission")
    sonarr.app.clients.add("NZBGet", "Nzbget")
    started(sonarr, Life((Stage(doing),)), client=client)
    sonarr.app.advance(7200)
    (row,) = rows(sonarr)
    size = 0 if doing == "metadata" else SIZE
    assert (row["status"], row.get("errorMessage"), row["size"], row["sizeleft"]) == (status, error, size, size)
    assert "timeleft" not in row
    assert row["trackedDownloadStatus"] == "ok"


def test_a_download_stops_half_way_and_another_one_stutters(sonarr: Caller) -> None:
    started(sonarr, stops_at(0.5, 600))
    started(sonarr, stutters(4, 60, 1000))
    left = []
    for _ in range(4):
        sonarr.app.advance(900)
        left.append([row["sizeleft"] for row in sorted(rows(sonarr), key=lambda row: row["episodeId"])])
    assert left == [[500_000, 750_000], [500_000, 500_000], [500_000, 250_000], [500_000]]


def test_checking_moves_what_is_left_both_ways(sonarr: Caller) -> None:
    started(sonarr, Life((Stage("downloading", 600, 0.5), Stage("checking", 600), Stage("downloading", 600, 0.5))))
    left = []
    for _ in range(3):
        sonarr.app.advance(599)
        left += [row["sizeleft"] for row in rows(sonarr)]
        sonarr.app.advance(2)
        left += [row["sizeleft"] for row in rows(sonarr)]
    assert left[0] == pytest.approx(SIZE / 2, rel=0.01)
    assert left[1] == pytest.approx(SIZE, rel=0.01)
    assert left[2] == pytest.approx(SIZE / 2, rel=0.01)


def test_the_messages_of_clients_follow_the_language(radarr: Caller) -> None:
    radarr.app.clients.add("Transmission", "Transmission")
    radarr.app.settings.ui_language = "de"
    started(radarr, stops_at(0))
    started(radarr, Life((Stage("tracker_error"),)), client="Transmission")
    assert {row["errorMessage"] for row in rows(radarr)} == {
        "Der Download ist ohne Verbindung ins Stocken geraten",
        "Transmission meldet einen Fehler: Unregistered torrent",
    }


@pytest.mark.parametrize("word", PROBLEMS)
def test_each_problem_of_an_import_has_its_messages(living: Caller, word: str) -> None:
    item_id = started(living, arrives(60, word), title="A.Release")
    living.app.advance(3600)
    (row,) = rows(living)
    is_blocked = PROBLEMS[word][0]
    text = said(word, "A.Release", movie_like=living.app.definition.movie_like)
    state = living.app.definition.queue.blocked_state if is_blocked else "importPending"
    assert (row["status"], row["trackedDownloadStatus"], row["trackedDownloadState"]) == ("completed", "warning", state)
    lines = [line for message in row["statusMessages"] for line in message["messages"]]
    assert lines == ([] if text is None else [text])
    assert (HEADING in [message["title"] for message in row["statusMessages"]]) == (
        word in ("permission", "root_folder", "unsaid")
    )
    assert living.app.library.files_of(item_id) == []


def test_the_queue_is_as_old_as_the_last_refresh(living: Caller) -> None:
    started(living, arrives(600))
    before = refreshed_at(living)
    living.app.advance(40)
    assert ([row["sizeleft"] for row in rows(living)], refreshed_at(living)) == ([SIZE], before)
    living.run(TASK)
    assert next(row["sizeleft"] for row in rows(living)) < SIZE
    assert refreshed_at(living) > before


def test_a_client_that_is_down_takes_its_rows_with_it_and_health_says_so_later(living: Caller) -> None:
    started(living, arrives(6000))
    started(living, arrives(6000), client="NZBGet", protocol="usenet")
    living.app.advance(1)
    living.app.clients.set("NZBGet", "down")
    stale = next(row for row in rows(living) if row["downloadClient"] == "NZBGet")
    answer = living.delete(f"queue/{stale['id']}", removeFromClient="true", blocklist="true")
    assert answer.status == 500
    assert living.records("blocklist") == []
    living.app.advance(61)
    assert [row["downloadClient"] for row in rows(living)] == ["qBittorrent"]
    assert "DownloadClientCheck" not in checks(living)
    living.app.advance(30)
    assert checks(living) == {"DownloadClientCheck"}
    living.app.advance(400)
    assert checks(living) == {"DownloadClientCheck", "DownloadClientStatusCheck"}
    living.app.clients.set("NZBGet", "up")
    living.app.advance(90)
    assert len(rows(living)) == 2
    assert checks(living) == set()


def test_nothing_is_imported_while_its_client_is_away(living: Caller) -> None:
    item_id = started(living, arrives(600))
    living.app.clients.set("qBittorrent", "down")
    living.app.advance(3600)
    assert living.app.library.files_of(item_id) == []
    living.app.clients.set("qBittorrent", "up")
    living.app.advance(120)
    assert living.app.library.files_of(item_id)


def test_a_client_that_is_disabled_is_not_found(radarr: Caller) -> None:
    radarr.app.settings.queue_refresh_seconds = 60
    started(radarr, stops_at(0))
    radarr.app.advance(1)
    radarr.app.clients.set("qBittorrent", "disabled")
    (row,) = rows(radarr)
    answer = radarr.delete(f"queue/{row['id']}")
    assert (answer.status, answer.json["message"]) == (500, "Sequence contains no matching element")
    named = {client["name"]: client["enable"] for client in radarr.get("downloadclient").json}
    assert named == {"qBittorrent": False, "SABnzbd": True}


def test_after_a_restart_the_queue_is_empty_for_31_seconds(living: Caller) -> None:
    started(living, arrives(6000))
    living.app.restart()
    assert rows(living) == []
    living.app.advance(30)
    assert rows(living) == []
    living.app.advance(1)
    assert len(rows(living)) == 1


def test_a_line_that_is_down_stalls_everything_and_only_delays_it(sonarr: Caller) -> None:
    items = [started(sonarr, arrives(600)) for _ in range(3)]
    sonarr.app.advance(300)
    sonarr.app.downloads.line_goes_down(3600)
    sonarr.app.advance(1800)
    items.append(started(sonarr, arrives(600)))
    assert {(row["status"], row["sizeleft"]) for row in rows(sonarr)} == {("warning", 500_000), ("warning", SIZE)}
    sonarr.app.advance(1800 + 331)
    assert [bool(sonarr.app.library.files_of(item_id)) for item_id in items] == [True, True, True, False]
    sonarr.app.advance(300)
    assert sonarr.app.library.files_of(items[3])


def test_what_is_paused_stays_so_while_the_line_is_down(sonarr: Caller) -> None:
    started(sonarr, Life((Stage("paused"),)))
    sonarr.app.downloads.line_goes_down(3600)
    assert [row["status"] for row in rows(sonarr)] == ["paused"]


def test_the_same_hash_grabbed_again_is_new_only_by_its_time(sonarr: Caller) -> None:
    item_id = started(sonarr, stops_at(0), download_id="A" * 40)
    (first,) = rows(sonarr)
    assert sonarr.delete(f"queue/{first['id']}", blocklist="true", skipRedownload="true").status == 200
    sonarr.app.advance(60)
    sonarr.app.downloads.add([item_id], grabbed=True, life=stops_at(0), download_id="A" * 40)
    (second,) = rows(sonarr)
    assert (second["id"], second["downloadId"]) == (first["id"], first["downloadId"])
    assert second["added"] > first["added"]


def test_what_is_blocklisted_and_kept_is_hidden_for_good(sonarr: Caller) -> None:
    item_id = started(sonarr, stops_at(0), download_id="B" * 40)
    (row,) = rows(sonarr)
    sonarr.delete(f"queue/{row['id']}", removeFromClient="false", blocklist="true", skipRedownload="true")
    sonarr.app.downloads.add([item_id], life=stops_at(0), download_id="B" * 40)
    sonarr.app.advance(3600)
    assert rows(sonarr) == []
    (removal,) = sonarr.app.downloads.removals
    assert (removal.from_client, removal.blocklist) == (False, True)


def test_what_the_app_cannot_map_cannot_be_ignored_and_has_no_time(sonarr: Caller) -> None:
    sonarr.app.downloads.add([], title="Strange.Thing", life=stops_at(0))
    (row,) = rows(sonarr)
    assert not {"added", "indexer"} & set(row)
    assert sonarr.delete(f"queue/{row['id']}", removeFromClient="false").status == 500
    assert sonarr.delete(f"queue/{row['id']}", removeFromClient="true").status == 200


def test_transmission_has_no_categories_to_change(sonarr: Caller) -> None:
    sonarr.app.clients.add("Transmission", "Transmission")
    started(sonarr, stops_at(0), client="Transmission")
    (row,) = rows(sonarr)
    answer = sonarr.delete(f"queue/{row['id']}", removeFromClient="false", changeCategory="true")
    assert (answer.status, answer.json["message"]) == (
        500,
        "Transmission does not support marking items as imported",
    )
    assert len(rows(sonarr)) == 1


def test_waiting_usenet_downloads_tell_the_time_of_those_before_them(sonarr: Caller) -> None:
    sonarr.app.clients.add("NZBGet", "Nzbget")
    started(sonarr, Life((Stage("queued", 1200), Stage("downloading", 600, 1.0))), client="NZBGet", protocol="usenet")
    (row,) = rows(sonarr)
    assert (row["status"], row["timeleft"], row["sizeleft"]) == ("queued", "00:30:00", SIZE)
    sonarr.app.advance(1500)
    (row,) = rows(sonarr)
    assert (row["status"], row["timeleft"], row["sizeleft"]) == ("downloading", "00:05:00", SIZE / 2)


def test_a_slow_download_says_that_it_takes_days(sonarr: Caller) -> None:
    started(sonarr, arrives(4 * 86_400 + 10_769))
    assert rows(sonarr)[0]["timeleft"] == "4.02:59:29"


def test_a_grab_of_a_search_gets_the_life_that_a_test_chose(sonarr: Caller) -> None:
    sonarr.app.searcher.life_of = lambda items: stops_at(0)
    item_id = sonarr.app.add_item(released=None)
    sonarr.app.searcher.force(item_id, "grab")
    sonarr.run("EpisodeSearch", episodeIds=[item_id])
    sonarr.app.advance(86_400)
    (row,) = rows(sonarr)
    assert row["sizeleft"] == row["size"]
    sonarr.app.searcher.force(item_id, "grab")
    sonarr.run("EpisodeSearch", episodeIds=[item_id])
    assert len(rows(sonarr)) == 1  # another download of the item is queued: the app takes no second one


def test_a_week_of_three_hundred_downloads_is_cheap(radarr: Caller) -> None:
    radarr.app.settings.queue_refresh_seconds = 60
    for number in range(300):
        started(radarr, arrives(1000 + 1500 * number) if number % 3 else stops_at(0.5))
    for _ in range(7 * 24):
        radarr.app.advance(3600)
        rows(radarr)
    assert len(rows(radarr)) == 100
