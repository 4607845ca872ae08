"""Commands: errors, life cycle, dedupe, clean-up and restart."""

from typing import Any

import pytest

from tests.simulator import SimApp, SimClock, SimSettings
from tests.simulator_tests.caller import Caller


def timed(**options: Any) -> Caller:
    return Caller(SimApp("sonarr", SimSettings(command_seconds=10, **options), clock=SimClock.frozen()))


def status_of(call: Caller, command_id: int) -> str:
    return str(call.get(f"command/{command_id}").json["status"])


def test_post_answers_201_with_location_and_the_queued_command(any_app: Caller) -> None:
    definition = any_app.app.definition
    name, field = definition.names.search, definition.names.items_field
    answer = any_app.post("command", {"name": name.lower(), field: [1, 2], "nonsense": True})
    assert answer.status == 201
    assert answer.headers["location"] == f"/{definition.prefix}/command/{answer.json['id']}"
    body = answer.json
    assert (body["name"], body["commandName"]) == (name, f"{name.removesuffix('Search')} Search")
    assert (body["status"], body["result"], body["trigger"], body["priority"]) == (
        *("queued", "unknown"),
        *("manual", "normal"),
    )
    assert (body["body"][field], body["body"]["name"]) == ([1, 2], name)
    assert "nonsense" not in body["body"]
    assert ("isTypeExclusive" in body["body"]) is (definition.kind not in ("sonarr", "sonarr5", "whisparr2"))
    older = definition.kind in ("whisparr2", "whisparr3old")
    assert body["body"].get("completionMessage") == ("Completed" if older else None)
    assert not {"message", "started", "ended", "duration", "exception"} & set(body)


def test_an_unknown_name_is_500_and_400_in_the_v5_tree(any_app: Caller) -> None:
    answer = any_app.post("command", {"name": "NoSuchThing"})
    assert answer.status == (400 if any_app.app.definition.kind == "sonarr5" else 500)
    assert answer.json["message"] == "Sequence contains no matching element"
    assert "description" in answer.json


def test_a_manual_import_goes_first_except_in_both_older_whisparrs(any_app: Caller) -> None:
    older = any_app.app.definition.kind in ("whisparr2", "whisparr3old")
    assert any_app.post("command", {"name": "ManualImport"}).json["priority"] == ("normal" if older else "high")


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ({}, ["NotNullValidator", "NotEmptyValidator"]),
        ({"name": None}, ["NotNullValidator", "NotEmptyValidator"]),
        ({"name": ""}, ["NotEmptyValidator"]),
    ],
)
def test_a_missing_name_is_a_validation_array(any_app: Caller, body: dict[str, Any], codes: list[str]) -> None:
    answer = any_app.post("command", body)
    assert (answer.status, answer.reply.media) == (400, "application/json")
    assert [(entry["propertyName"], entry["errorCode"]) for entry in answer.json] == [("Name", code) for code in codes]


@pytest.mark.parametrize("ids", ["1", 1, [1, "2"], {"a": 1}, [True]])
def test_a_field_of_the_wrong_type_is_500(sonarr: Caller, ids: Any) -> None:
    assert sonarr.post("command", {"name": "EpisodeSearch", "episodeIds": ids}).status == 500


@pytest.mark.parametrize("body", [{"name": "EpisodeSearch"}, {"name": "EpisodeSearch", "episodeIds": [404]}])
def test_missing_or_unknown_ids_are_accepted_and_fail_later(body: dict[str, Any]) -> None:
    call = timed()
    posted = call.post("command", body)
    assert posted.status == 201
    assert status_of(call, posted.json["id"]) == "started"
    call.app.advance(10)
    command = call.get(f"command/{posted.json['id']}").json
    assert (command["status"], command["result"], command["message"]) == ("failed", "unknown", "Failed")
    assert command["exception"]


def test_a_command_goes_from_queued_over_started_to_completed() -> None:
    call = timed()
    first = call.post("command", {"name": "RssSync"}).json["id"]
    assert status_of(call, first) == "started"
    call.app.advance(9.5)
    assert status_of(call, first) == "started"
    call.app.advance(0.5)
    command = call.get(f"command/{first}").json
    assert (command["status"], command["result"], command["duration"]) == ("completed", "successful", "00:00:10")
    assert command["stateChangeTime"] == command["started"] == "2026-01-15T12:00:00Z"
    assert command["ended"] == "2026-01-15T12:00:10Z"


def test_three_run_at_once_and_high_priority_only_goes_first_in_the_queue() -> None:
    call = timed()
    ids = [call.post("command", {"name": "EpisodeSearch", "episodeIds": [n]}).json["id"] for n in range(5)]
    high = call.post("command", {"name": "ManualImport"}).json
    assert high["priority"] == "high"
    assert [status_of(call, n) for n in (*ids, high["id"])] == ["started"] * 3 + ["queued"] * 3
    call.app.advance(10)
    assert [status_of(call, n) for n in (*ids, high["id"])] == ["failed"] * 3 + ["started"] * 3


def test_disk_access_runs_one_at_a_time_and_exclusive_ones_alone() -> None:
    call = timed()
    names = ["RescanSeries", "ProcessMonitoredDownloads", "RssSync", "ApplicationUpdate", "Backup"]
    ids = [call.post("command", {"name": name}).json["id"] for name in names]
    assert [status_of(call, n) for n in ids] == ["started", "queued", "started", "queued", "queued"]
    call.app.advance(10)
    # The exclusive one is not next: the older disk access goes first, and the exclusive one then waits for it.
    assert [status_of(call, n) for n in ids] == ["completed", "started", "completed", "queued", "queued"]
    call.app.advance(10)
    assert [status_of(call, n) for n in ids] == ["completed"] * 3 + ["started", "queued"]
    call.app.advance(20)
    assert [status_of(call, n) for n in ids] == ["completed"] * 5


def test_the_list_has_started_ones_first_then_by_status() -> None:
    call = timed()
    done = call.post("command", {"name": "RssSync"}).json["id"]
    call.app.advance(10)
    for number in range(4):
        call.post("command", {"name": "EpisodeSearch", "episodeIds": [number]})
    statuses = [command["status"] for command in call.get("command").json]
    assert statuses == ["started"] * 3 + ["queued", "completed"]
    assert call.get("command").json[-1]["id"] == done


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ({"name": "EpisodeSearch", "episodeIds": [1, 2]}, {"name": "EpisodeSearch", "episodeIds": [2, 1, 1]}, True),
        ({"name": "EpisodeSearch", "episodeIds": [1, 2]}, {"name": "EpisodeSearch", "episodeIds": [1, 2, 3]}, False),
        ({"name": "EpisodeSearch"}, {"name": "EpisodeSearch"}, True),
        ({"name": "EpisodeSearch"}, {"name": "EpisodeSearch", "episodeIds": []}, False),
        ({"name": "MissingEpisodeSearch"}, {"name": "MissingEpisodeSearch", "monitored": False}, True),
        ({"name": "MissingEpisodeSearch", "seriesId": 1}, {"name": "MissingEpisodeSearch", "seriesId": 2}, False),
        (
            {"name": "MissingEpisodeSearch", "seriesId": 1},
            {"name": "MissingEpisodeSearch", "seriesId": 1, "monitored": False},
            False,
        ),
        (
            {"name": "SeasonSearch", "seriesId": 1, "seasonNumber": 1},
            {"name": "SeasonSearch", "seriesId": 1, "seasonNumber": 2},
            False,
        ),
        ({"name": "RssSync"}, {"name": "RssSync"}, True),
        ({"name": "RssSync"}, {"name": "Backup"}, False),
    ],
)
def test_an_equal_command_that_is_not_over_comes_back(first: Any, second: Any, same: bool) -> None:
    call = timed()
    one, two = call.post("command", first), call.post("command", second)
    assert (one.status, two.status) == (201, 201)
    assert (one.json["id"] == two.json["id"]) is same
    assert len(call.app.commands.every) == (1 if same else 2)


def test_the_v5_tree_ignores_its_lists_when_the_series_is_null(sonarr5: Caller) -> None:
    one = sonarr5.post("command", {"name": "MissingEpisodeSearch", "seriesIds": [1]}).json
    assert sonarr5.post("command", {"name": "MissingEpisodeSearch", "seriesIds": [2]}).json["id"] == one["id"]


def test_two_radarr_missing_searches_are_one(radarr: Caller) -> None:
    one = radarr.post("command", {"name": "MissingMoviesSearch"}).json
    two = radarr.post("command", {"name": "MissingMoviesSearch", "filterValue": "x"}).json
    assert one["id"] == two["id"]


def test_an_equal_command_that_is_over_is_no_duplicate() -> None:
    call = timed()
    one = call.post("command", {"name": "RssSync"}).json["id"]
    call.app.advance(10)
    assert call.post("command", {"name": "RssSync"}).json["id"] != one


def test_memory_is_cleared_5_to_10_minutes_after_the_end_and_the_row_after_a_day() -> None:
    call = timed()
    command_id = call.post("command", {"name": "RssSync"}).json["id"]
    call.app.advance(10)
    call.app.advance(595 - 10)
    assert call.get(f"command/{command_id}").json["result"] == "successful"
    assert len(call.get("command").json) == 1
    call.app.advance(10)
    row = call.get(f"command/{command_id}").json
    assert (row["status"], row["result"]) == ("completed", "unknown")
    assert "message" not in row
    assert call.get("command").json == []
    call.app.advance(86_400 - 600)
    assert call.get(f"command/{command_id}").status == 200
    call.app.advance(300)
    assert call.get(f"command/{command_id}").status == 404


def test_a_restart_orphans_what_ran_and_queues_again_what_waited() -> None:
    call = timed()
    ids = [call.post("command", {"name": "EpisodeSearch", "episodeIds": [n]}).json["id"] for n in range(4)]
    call.app.restart()
    assert [status_of(call, n) for n in ids] == ["orphaned"] * 3 + ["started"]
    assert [command["id"] for command in call.get("command").json] == ids[3:]
    assert call.app.searcher.records == []


def test_cancelling_takes_a_queued_one_from_memory_only() -> None:
    call = timed()
    ids = [call.post("command", {"name": "EpisodeSearch", "episodeIds": [n]}).json["id"] for n in range(4)]
    refused = call.delete(f"command/{ids[0]}")
    assert (refused.status, refused.json["message"]) == (409, "Unable to cancel task")
    assert call.delete(f"command/{ids[3]}").status == 200
    assert ids[3] not in [command["id"] for command in call.get("command").json]
    call.app.advance(60)
    assert status_of(call, ids[3]) == "queued"
    call.app.restart()
    assert status_of(call, ids[3]) == "started"


def test_the_test_command_sleeps_as_long_as_it_is_told(any_app: Caller) -> None:
    command_id = any_app.post("command", {"name": "Test", "duration": 2500}).json["id"]
    any_app.app.advance(2.4)
    assert status_of(any_app, command_id) == "started"
    any_app.app.advance(0.1)
    assert any_app.get(f"command/{command_id}").json["duration"] == "00:00:02.5000000"


def test_effects_come_at_the_end_in_the_order_of_time() -> None:
    call = timed(workers=1)
    series_id = call.app.library.add_series()
    ids = [call.app.library.add_episode(series_id, 1, n) for n in (1, 2, 3)]
    for episode_id in reversed(ids):
        call.post("command", {"name": "EpisodeSearch", "episodeIds": [episode_id]})
    call.app.advance(3600)
    began = call.app.started_at
    assert [(r.at - began, r.item_ids) for r in call.app.searcher.records] == [
        (10, (ids[2],)),
        (20, (ids[1],)),
        (30, (ids[0],)),
    ]
