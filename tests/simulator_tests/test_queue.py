"""The queue: rows, paging and its trap, filters, removal."""

from typing import Any

import pytest

from tests.simulator_tests.caller import Caller


def episodes(call: Caller, count: int, **series: Any) -> list[int]:
    series_id = call.app.library.add_series(**series)
    return [call.app.library.add_episode(series_id, 1, n) for n in range(1, count + 1)]


def test_the_queue_is_empty_at_first(any_app: Caller) -> None:
    flag = any_app.app.definition.names.unknown_flag
    answer = any_app.get("queue", page=1, pageSize=20, **{flag: "true"}).json
    assert (answer["totalRecords"], answer["records"]) == (0, [])


def test_sonarr_has_one_row_per_episode_and_removing_one_removes_the_pack(sonarr: Caller) -> None:
    sonarr.app.downloads.add(episodes(sonarr, 10), size=1000, size_left=400)
    rows = sonarr.records("queue", pageSize=100)
    assert len(rows) == len({row["id"] for row in rows}) == 10
    assert len({row["downloadId"] for row in rows}) == 1
    assert {(row["size"], row["sizeleft"], row["seasonNumber"]) for row in rows} == {(1000, 400, 1)}
    assert sonarr.delete(f"queue/{rows[3]['id']}").status == 200
    assert sonarr.records("queue") == []
    again = sonarr.delete(f"queue/{rows[4]['id']}")
    assert (again.status, again.json) == (404, {"message": "NotFound"})


def test_row_ids_stay_the_same(sonarr: Caller) -> None:
    sonarr.app.downloads.add(episodes(sonarr, 2))
    before = sorted(sonarr.ids("queue"))
    sonarr.app.advance(100)
    sonarr.app.restart()
    assert sorted(sonarr.ids("queue")) == before
    assert all(0 < row_id < 2**31 for row_id in before)


def test_radarr_has_one_row_per_download(radarr: Caller) -> None:
    movie_id = radarr.app.library.add_movie(title="The Ledger")
    radarr.app.downloads.add([movie_id])
    (row,) = radarr.records("queue", includeMovie="true")
    assert (row["movieId"], row["movie"]["title"]) == (movie_id, "The Ledger")
    assert not {"episodeId", "seriesId", "seasonNumber", "episodeHasFile"} & set(row)


def test_unknown_items_need_the_flag_but_are_in_details(any_app: Caller) -> None:
    any_app.app.downloads.add([], title="Strange.Thing")
    assert any_app.records("queue") == []
    flag = any_app.app.definition.names.unknown_flag
    (row,) = any_app.records("queue", **{flag: "true"})
    words = any_app.app.definition.names
    assert not {words.item_field, words.parent_field} & set(row)
    assert [entry["id"] for entry in any_app.get("queue/details").json] == [row["id"]]
    status = any_app.get("queue/status").json
    assert (status["totalCount"], status["count"], status["unknownCount"]) == (1, 0, 1)
    assert "id" not in status


@pytest.mark.parametrize(
    ("page", "echoed", "count"), [(1, 1, 10), (2, 2, 10), (3, 3, 5), (4, 2, 10), (99, 2, 10), (0, 0, 10)]
)
def test_a_page_past_the_end_is_answered_with_an_earlier_one(
    sonarr: Caller, page: int, echoed: int, count: int
) -> None:
    sonarr.app.downloads.add(episodes(sonarr, 25))
    answer = sonarr.get("queue", page=page, pageSize=10).json
    assert (answer["page"], len(answer["records"]), answer["totalRecords"]) == (echoed, count, 25)


def test_page_size_0_divides_by_zero_after_page_1(sonarr: Caller) -> None:
    assert sonarr.get("queue", pageSize=0).json["records"] == []
    assert sonarr.get("queue", pageSize=0, page=2).status == 500


def test_the_default_order_is_time_left_and_keys_are_allow_listed(radarr: Caller) -> None:
    movies = [radarr.app.library.add_movie(title=f"M{n}") for n in range(3)]
    for movie_id, seconds, size in zip(movies, (30.0, None, 10.0), (1, 2, 3), strict=True):
        radarr.app.downloads.add([movie_id], seconds_left=seconds, size=size * 1000)
    answer = radarr.get("queue", sortDirection="ascending", sortKey="nonsense").json
    assert answer["sortKey"] == "timeleft"
    assert [row["movieId"] for row in answer["records"]] == [movies[2], movies[0], movies[1]]
    by_size = radarr.records("queue", sortKey="size")
    assert [row["size"] for row in by_size] == [3000, 2000, 1000]
    times = [row.get("timeleft") for row in answer["records"]]
    assert times == ["00:00:10", "00:00:30", None]
    assert "estimatedCompletionTime" not in answer["records"][2]


def test_filters(sonarr: Caller) -> None:
    one, two = episodes(sonarr, 1), episodes(sonarr, 1)
    sonarr.app.downloads.add(one, protocol="usenet", status="paused", quality_id=7)
    sonarr.app.downloads.add(two, protocol="torrent", status="downloading")
    series_id = sonarr.get(f"episode/{one[0]}").json["seriesId"]
    for query in ({"seriesIds": series_id}, {"protocol": "usenet"}, {"status": "Paused"}, {"quality": 7}):
        assert [row["episodeId"] for row in sonarr.records("queue", **query)] == one
    assert len(sonarr.records("queue", status=["paused", "downloading"])) == 2
    assert sonarr.get("queue", status="sleeping").status == 400
    details = sonarr.get("queue/details", episodeIds=two).json
    assert [row["episodeId"] for row in details] == two


def test_pending_rows_have_no_download_id_and_no_tracking(sonarr: Caller) -> None:
    (episode_id,) = episodes(sonarr, 1)
    sonarr.app.downloads.add([episode_id], status="delay")
    (row,) = sonarr.records("queue")
    assert row["status"] == "delay"
    assert not {"downloadId", "trackedDownloadStatus", "trackedDownloadState", "statusMessages"} & set(row)
    assert sonarr.post(f"queue/grab/{row['id']}").status == 200
    assert sonarr.records("queue")[0]["downloadId"]


def test_problems_show_in_the_status(sonarr: Caller) -> None:
    sonarr.app.downloads.add(
        episodes(sonarr, 1),
        status="warning",
        tracked_status="error",
        error_message="The download is stalled with no connections",
        seconds_left=None,
    )
    (row,) = sonarr.records("queue")
    assert row["errorMessage"] == "The download is stalled with no connections"
    assert sonarr.get("queue/status").json["errors"] is True


def test_blocklisting_a_grab_fails_it_and_the_app_searches_again_unless_told_not_to(sonarr: Caller) -> None:
    sonarr.app.settings.grab_share = 0.0
    for skip, searches in (("true", 0), ("false", 1)):
        sonarr.app.downloads.add(episodes(sonarr, 1), grabbed=True)
        (row,) = sonarr.records("queue")
        assert sonarr.delete(f"queue/{row['id']}", blocklist="true", skipRedownload=skip).status == 200
        sonarr.app.advance(1)
        assert len(sonarr.app.searcher.records) == searches
    assert sonarr.get("blocklist").json["totalRecords"] == 2
    assert [entry["eventType"] for entry in sonarr.records("history", eventType=4)] == ["downloadFailed"] * 2


def test_blocklisting_without_a_grab_is_silent_and_400_in_the_v5_tree(sonarr: Caller, sonarr5: Caller) -> None:
    for call, status in ((sonarr, 200), (sonarr5, 400)):
        call.app.downloads.add(episodes(call, 1))
        (row,) = call.records("queue")
        assert call.delete(f"queue/{row['id']}", blocklist="true").status == status
        assert call.records("queue") == []
        assert call.get("blocklist").json["totalRecords"] == 0


def test_without_any_of_the_three_the_download_is_ignored(sonarr: Caller) -> None:
    sonarr.app.downloads.add(episodes(sonarr, 1))
    (row,) = sonarr.records("queue")
    sonarr.delete(f"queue/{row['id']}", removeFromClient="false")
    assert [entry["eventType"] for entry in sonarr.records("history")] == ["downloadIgnored"]


@pytest.mark.parametrize(("error", "status"), [("", 500), ("Unable to connect to qBittorrent", 500)])
def test_a_client_that_does_not_answer_keeps_the_row(radarr: Caller, error: str, status: int) -> None:
    radarr.app.downloads.add([radarr.app.library.add_movie()], client_error=error)
    (row,) = radarr.records("queue")
    answer = radarr.delete(f"queue/{row['id']}")
    assert answer.status == status
    assert answer.json["message"] == (error or "Sequence contains no matching element")
    assert len(radarr.records("queue")) == 1


def test_bulk_removal_with_one_unknown_id_removes_nothing(sonarr: Caller) -> None:
    for _ in range(2):
        sonarr.app.downloads.add(episodes(sonarr, 1))
    ids = sonarr.ids("queue")
    answer = sonarr.delete("queue/bulk", {"ids": [*ids, 1]})
    assert (answer.status, answer.json) == (404, {"message": "NotFound"})
    assert len(sonarr.ids("queue")) == 2
    answer = sonarr.delete("queue/bulk", {"ids": ids}, blocklist="false")
    assert (answer.status, answer.json) == (200, {})
    assert sonarr.ids("queue") == []


def test_a_queue_row_cannot_be_read_by_id(any_app: Caller) -> None:
    assert any_app.get("queue/5").status == (500 if any_app.app.definition.kind == "whisparr3old" else 405)


def test_refresh_monitored_downloads_shows_what_the_client_got(any_app: Caller) -> None:
    flag = {any_app.app.definition.names.unknown_flag: "true"}
    any_app.app.downloads.add([], title="Dropped.In", visible=False)
    assert any_app.records("queue", **flag) == []
    any_app.post("command", {"name": "RefreshMonitoredDownloads"})
    any_app.app.advance(1)
    assert len(any_app.records("queue", **flag)) == 1


def test_the_queue_can_be_a_cache_of_a_minute(radarr: Caller) -> None:
    radarr.app.settings.queue_refresh_seconds = 60
    now = radarr.app.clock.timestamp()
    movie_id = radarr.app.library.add_movie()
    radarr.app.downloads.add([movie_id], plan="import", finish_at=now + 1000, settle_at=now + 1000, size=1000)
    radarr.app.advance(59)
    assert radarr.records("queue")[0]["sizeleft"] == 1000
    radarr.app.advance(1)
    assert radarr.records("queue")[0]["sizeleft"] == 940


def test_a_planned_download_counts_down_until_it_is_imported(radarr: Caller) -> None:
    now = radarr.app.clock.timestamp()
    movie_id = radarr.app.library.add_movie()
    radarr.app.downloads.add([movie_id], plan="import", finish_at=now + 100, settle_at=now + 130, size=1000)
    seen = []
    for _ in range(4):
        seen += [(r["status"], r["sizeleft"], r.get("trackedDownloadState")) for r in radarr.records("queue")]
        radarr.app.advance(50)
    assert seen == [
        ("queued", 1000, "downloading"),
        ("downloading", 500, "downloading"),
        ("completed", 0, "importPending"),
    ]
    assert radarr.get(f"movie/{movie_id}").json["hasFile"] is True
