"""Which downloads are stuck: over time, by bytes, and never by one look."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.swaparr.downloads import QueuedDownload
from app.swaparr.policy import Away, Consequence, Standing
from app.swaparr.stuck_rules import Cause, has_word
from tests.swaparr.looks import GB, START, Watched, arriving, download, is_removed, rules

WEEK_OF_LOOKS = 7 * 24 * 6
REFUSED: dict[str, Any] = {"status": "completed", "left": 0, "tracked_state": "importBlocked", "is_refused": True}


def test_what_is_stalled_is_removed_after_its_strikes_and_its_time() -> None:
    assert Watched(rules()).minutes_until_removed(download()) == 130  # the first look only begins
    assert Watched(rules(min_stuck_minutes=0)).minutes_until_removed(download()) == 40
    assert Watched(rules(stalled={"max_strikes": 20})).minutes_until_removed(download()) == 210
    assert Watched(rules(stalled={"enabled": False})).minutes_until_removed(download(), within=3000) >= 3000


def test_looking_more_often_never_shortens_the_time() -> None:
    watched = Watched(rules(interval_minutes=2))
    for _ in range(60):
        assert watched.look(download(), minutes=2)["A"].action is not Consequence.REMOVE
    assert watched.look(download(), minutes=2)["A"].action is Consequence.REMOVE


@given(st.lists(st.booleans(), min_size=1, max_size=120))
def test_progress_within_the_time_saves_a_download(moves: list[bool]) -> None:
    watched, left, still = Watched(rules()), GB, 0
    watched.look(download(left=left))
    for moved in moves:
        left, still = (left - 1, 0) if moved else (left, still + 1)
        action = watched.look(download(left=left))["A"].action
        assert (action is Consequence.REMOVE) == (still * 10 >= 120)
        if action is Consequence.REMOVE:
            return


@pytest.mark.parametrize(
    ("fields", "standing"),
    [
        ({"status": "paused"}, Standing.PAUSED),
        ({"status": "queued"}, Standing.QUEUED),
        ({"status": "completed", "left": 0, "tracked_state": "importPending"}, Standing.COMPLETE),
        ({"status": "completed", "left": 0, "tracked_state": "importing"}, Standing.COMPLETE),
        ({"status": "queued", "protocol": "usenet", "client": "NZBGet"}, Standing.QUEUED),
        ({"status": "paused", "protocol": "usenet", "client": "NZBGet"}, Standing.PAUSED),
        ({"status": "queued", "protocol": "usenet", "client": "SABnzbd", "size": 0, "left": 0}, Standing.QUEUED),
        ({"status": "warning", "error": "qBittorrent is reporting missing files"}, Standing.CLIENT_TROUBLE),
        ({"status": "warning", "error": "qBittorrent meldet einen Fehler"}, Standing.CLIENT_TROUBLE),
        ({"status": "warning", "error": "No data found! Ensure your drives are connected"}, Standing.CLIENT_TROUBLE),
        ({"is_private": True}, Standing.PRIVATE),
        ({"size": 26 * GB}, Standing.TOO_LARGE),
    ],
)
def test_what_is_never_counted(fields: dict[str, Any], standing: Standing) -> None:
    watched = Watched(rules(failed_import={"enabled": True}))
    for _ in range(WEEK_OF_LOOKS):
        found = watched.look(download(**fields))["A"]
        assert (found.action, dict(found.record.strikes)) == (Consequence.NONE, {})
    assert found.standing is standing


@pytest.mark.parametrize(
    "error", ["The download is stalled with no connections", "Der Download ist ins Stocken geraten", None]
)
def test_a_stall_is_seen_in_every_language(error: str | None) -> None:
    assert Watched(rules()).minutes_until_removed(download(status="warning", error=error)) == 130


def test_checking_moves_bytes_either_way_and_is_no_stall() -> None:
    watched = Watched(rules())
    lefts = [GB // 2 + step * (-1) ** step for step in range(WEEK_OF_LOOKS)]
    assert not is_removed(watched, arriving(download(), *lefts))


def test_metadata_that_never_comes_and_metadata_that_does() -> None:
    magnet = download(size=0, left=0, status="queued", error="qBittorrent is downloading metadata")
    assert Watched(rules()).minutes_until_removed(magnet) == 130
    assert Watched(rules(metadata={"enabled": False})).minutes_until_removed(magnet, within=3000) >= 3000
    watched = Watched(rules())
    assert not is_removed(watched, [magnet] * 12)
    found = watched.look(download())["A"]
    assert (found.standing, dict(found.record.strikes)) == (Standing.PROGRESSING, {})


def test_slow_is_measured_by_bytes_and_never_by_what_the_app_says() -> None:
    watched = Watched(rules(slow_below_kbps=10))
    slow = arriving(download(), *(GB - step * 1_000_000 for step in range(40)))  # 1.7 kB a second
    assert is_removed(watched, slow)
    assert watched.judged["A"].cause is Cause.SLOW
    watched = Watched(rules(slow_below_kbps=1))
    assert not is_removed(watched, slow)
    watched = Watched(rules(max_eta_hours=24))
    assert is_removed(watched, slow)
    assert not is_removed(Watched(rules()), slow), "off by default"


def test_a_speed_that_recovers_clears_the_strikes() -> None:
    watched = Watched(rules(slow_below_kbps=10))
    left = GB
    for step in range(WEEK_OF_LOOKS):
        left -= 1_000_000 if step % 8 else 30_000_000
        if left < 0:
            break
        assert watched.look(download(left=left))["A"].action is not Consequence.REMOVE


def test_usenet_waits_while_another_job_of_its_client_has_its_turn() -> None:
    waiting = download("W", protocol="usenet", client="SABnzbd")
    watched = Watched(rules())
    for step in range(100):
        other = download("O", protocol="usenet", client="SABnzbd", left=GB - step)
        assert watched.look(waiting, other)["W"].action is Consequence.NONE
    assert Watched(rules()).minutes_until_removed(waiting) == 130, "alone it is stalled"


def test_transmission_does_not_tell_what_is_paused() -> None:
    watched = Watched(rules())
    each = download(client="Seedbox")
    fields = {"transmissions": frozenset({"Seedbox"})}
    assert not is_removed(watched, [each] * 72, **fields)
    assert is_removed(watched, [each], **fields), "after twelve hours, and not two"


def test_when_most_stop_at_once_the_line_is_down() -> None:
    watched = Watched(rules(), line_is_up=False)
    many = [download(str(number), left=GB - number) for number in range(24)]
    for _ in range(100):
        judged = watched.look(*many)
        assert {each.standing for each in judged.values()} <= {Standing.SUSPENDED, Standing.NEW}
    assert watched.memory.away is Away.LINE
    moving = [replace(each, left=each.left - 1) for each in many[:13]]
    judged = watched.look(*moving, *many[13:])
    assert {each.standing for each in judged.values()} == {Standing.UNCOUNTED}, "the first look after it says nothing"
    assert all(not each.record.strikes for each in judged.values())


@pytest.mark.parametrize(("number", "is_suspended"), [(1, False), (2, True), (3, True), (4, True)])
def test_how_many_make_a_line_that_is_down(number: int, is_suspended: bool) -> None:
    watched = Watched(rules(), line_is_up=False)
    each = [download(str(index)) for index in range(number)]
    watched.look(*each)
    assert (watched.look(*each)["0"].standing is Standing.SUSPENDED) is is_suspended
    watched = Watched(rules(), line_is_up=True)
    watched.look(*each)
    assert watched.look(*each)["0"].action is Consequence.STRIKE, "the user's own addresses answer"


@pytest.mark.parametrize("away", list(Away))
def test_nothing_counts_while_something_is_away_nor_at_the_first_look_after(away: Away) -> None:
    watched = Watched(rules(min_stuck_minutes=0, max_strikes=2))
    watched.look(download())
    for _ in range(50):
        assert watched.look(download(), away=away)["A"].action is Consequence.NONE
    assert watched.look(download())["A"].standing is Standing.UNCOUNTED
    assert watched.look(download())["A"].action is Consequence.STRIKE


def test_an_outage_clears_nothing() -> None:
    watched = Watched(rules(min_stuck_minutes=0))
    for _ in range(3):
        watched.look(download())
    watched.look(download(), away=Away.APP)
    watched.look(download())
    assert watched.look(download())["A"].action is Consequence.REMOVE


def test_a_client_whose_rows_vanish_together_is_away() -> None:
    watched = Watched(rules())
    gone = [download("A", client="Two"), download("B", client="Two")]
    watched.look(*gone, download("C"))
    assert watched.look(download("C"))["C"].standing is Standing.SUSPENDED
    assert watched.look(*gone, download("C"))["A"].standing is Standing.UNCOUNTED


def test_a_look_counts_when_the_app_has_asked_its_clients_since() -> None:
    watched = Watched(rules(min_stuck_minutes=0))
    for _ in range(100):
        assert watched.look(download(), refreshed_at=START)["A"].action is Consequence.NONE
    assert watched.look(download(), refreshed_at=None)["A"].standing is Standing.UNCOUNTED


def test_strikes_are_kept_for_a_day_while_a_row_is_gone() -> None:
    watched = Watched(rules(min_stuck_minutes=0))
    for _ in range(3):
        watched.look(download())
    for _ in range(6):
        watched.look()
    assert watched.look(download())["A"].standing is Standing.UNCOUNTED
    assert watched.look(download())["A"].action is Consequence.REMOVE
    for _ in range(24 * 6 + 1):
        watched.look()
    assert watched.look(download())["A"].standing is Standing.NEW


def test_the_same_release_grabbed_again_begins_anew() -> None:
    watched = Watched(rules())
    assert watched.minutes_until_removed(download()) == 130
    again = download(added=START + timedelta(hours=3))
    assert watched.look(again)["A"].standing is Standing.NEW
    assert watched.minutes_until_removed(again) == 120


@pytest.mark.parametrize(
    ("messages", "word"),
    [
        (("Caution: Found executable file with extension: '.exe'",), "executable"),
        (("Caution: Found potentially dangerous file with extension: .lnk",), "dangerous_file"),
        (("Found archive file, might need to be extracted",), "archive"),
        (("Invalid video file, unsupported extension: '.txt'",), "no_video"),
        (("Not an upgrade for existing episode file(s). Existing quality: WEBDL-720p.",), "not_an_upgrade"),
        (("Sample",), "sample"),
        (
            ("Episode 2x02 was not found in the grabbed release: A", "Episode 2x02 was unexpected considering the A"),
            "other_item",
        ),
        (("Episode file already imported at 11/26/2026 01:15:07",), "partly_imported"),
    ],
)
def test_a_failed_import_counts_for_causes_of_the_release(messages: tuple[str, ...], word: str) -> None:
    refused = download(**REFUSED, messages=messages)
    watched = Watched(rules(failed_import={"enabled": True}))
    assert watched.minutes_until_removed(refused) == 130
    assert watched.judged["A"].detail == word
    assert Watched(rules()).minutes_until_removed(refused, within=3000) >= 3000, "off by default"


@pytest.mark.parametrize(
    "messages",
    [
        (),
        ("Not enough free space",),
        ("Not an upgrade for existing episode file(s).", "Not enough free space"),
        ("No files found are eligible for import in /data",),
        ("Movie title mismatch, automatic import is not possible. Manual Import required.",),
        ("Found matching series via grab history, but release was matched to series by ID.",),
        ("Failed to import movie",),
        ("Access to the path '/tv' is denied.",),
        ("Something that nobody has seen yet",),
    ],
)
def test_other_problems_are_told_once_and_never_removed(messages: tuple[str, ...]) -> None:
    watched = Watched(rules(failed_import={"enabled": True}))
    refused = download(**REFUSED, messages=messages)
    actions = [watched.look(refused)["A"].action for _ in range(WEEK_OF_LOOKS)]
    assert actions.count(Consequence.TELL) == 1
    assert set(actions) == {Consequence.NONE, Consequence.TELL}


def test_another_problem_begins_the_clock_anew() -> None:
    watched = Watched(rules(failed_import={"enabled": True}))
    first = download(**REFUSED, messages=("Sample",))
    assert not is_removed(watched, [first] * 12)
    other = download(**REFUSED, messages=("Found archive file, might need to be extracted",))
    assert watched.minutes_until_removed(other) == 120


def test_files_and_names_are_removed_at_once_unless_they_are_left_alone() -> None:
    watched = Watched(rules(malicious_extensions=["exe"], name_patterns=["CAM|TS"]))
    assert watched.look(download(title="Movie.2026.exe"))["A"].cause is Cause.MALICIOUS
    refused = download(**REFUSED, files=("Movie.EXE",))
    assert watched.look(refused)["A"].detail == ".exe"
    assert watched.look(download(title="Movie.2026.CAM.x264"))["A"].cause is Cause.NAME
    assert watched.look(download(title="Movie.exe", is_private=True))["A"].action is Consequence.NONE
    assert watched.look(download(title="Movie.2026.1080p.DTS.x264"))["A"].cause is not Cause.NAME


@pytest.mark.parametrize(
    ("pattern", "title", "fits"),
    [
        ("TS", "Movie.2026.TS.x264", True),
        ("ts", "Movie.2026.1080p.BluRay.DTS.x264", False),
        ("TS", "Ghosts.S01E01.1080p", False),
        ("WP", "Watchmen_WP_x264", True),
        ("r6", "Movie-R6", True),
        ("R6", "Movie.R66", False),
        ("CAM|HDCAM", "Movie.HDCAM-GRP", True),
    ],
)
def test_patterns_are_whole_words(pattern: str, title: str, fits: bool) -> None:
    assert has_word(pattern, title) is fits


def test_exemptions_narrow_the_rules() -> None:
    ignored = rules(ignore=[{"indexer": "Slow One"}, {"done_percent": 90, "min_stuck_minutes": 600}])
    assert Watched(ignored).minutes_until_removed(download(indexer="Slow One (Prowlarr)"), within=3000) >= 3000
    assert Watched(ignored).minutes_until_removed(download(left=GB // 20)) == 610
    assert Watched(ignored).minutes_until_removed(download()) == 130
    skipped = rules(skip_clients=["seedbox"])
    assert Watched(skipped).minutes_until_removed(download(client="Seedbox"), within=3000) >= 3000


@settings(deadline=None)
@given(st.data())
def test_decisions_depend_on_looks_alone_and_survive_being_stored(data: st.DataObject) -> None:
    from app.swaparr.storing import read_record, stored_record

    statuses = st.sampled_from(["downloading", "warning", "queued", "paused", "completed"])
    one, other = Watched(rules(min_stuck_minutes=30)), Watched(rules(min_stuck_minutes=30))
    for _ in range(12):
        each: QueuedDownload = download(left=data.draw(st.integers(0, 5)), status=data.draw(statuses))
        away = data.draw(st.sampled_from([None, None, None, Away.CLIENT]))
        assert one.look(each, away=away) == other.look(each, away=away)
        other.records = {key: read_record(stored_record(record)) for key, record in other.records.items()}
