"""Queue rows of living apps with real clients, looked at for fifteen hours: each is decided as its situation asks."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.arr.resources import QueueResource
from app.swaparr.downloads import QueuedDownload
from app.swaparr.policy import Consequence
from app.swaparr.reading import joined
from tests.swaparr.looks import Watched, rules

RECORDED = Path(__file__).parents[1] / "recordings/queue"
APPS = ("sonarr", "radarr")
TRANSMISSION = frozenset({"Transmission"})
NEVER = None
AFTER = 130.0
AFTER_IN_TRANSMISSION = 730.0
"""Minutes: the first look only begins."""
LOOKS = 90

MINUTES = {
    "02_qb_nopeer": AFTER,
    "02_tr_nopeer": AFTER_IN_TRANSMISSION,
    "05_qb_paused": NEVER,
    "05_tr_paused": AFTER_IN_TRANSMISSION,  # it cannot be told from a stalled one
    "06_qb_queued": NEVER,
    "06_tr_queued": NEVER,
    "07_qb_magnet": AFTER,
    "07_tr_magnet": AFTER_IN_TRANSMISSION,
    "08_qb_unreg": AFTER,
    "08_tr_unreg": AFTER_IN_TRANSMISSION,
    "09_tr_missing": NEVER,
    "10_qb_check": NEVER,
    "11_tr_importPending": NEVER,
    "12_qb_exe1": AFTER,
    "12_qb_exe": AFTER,
    "12_qb_lnk": AFTER,
    "12_qb_rar": AFTER,
    "12_qb_novideo": AFTER,
    "12_tr_notup": AFTER,
    "12_tr_smpl": AFTER,
    "12_qb_wrongep": AFTER,
    "12_tr_perm": NEVER,
    "12_tr_root": NEVER,
    "12_qb_gone": NEVER,
    "12_tr_byidpush": NEVER,
    "14_tr_unknown": NEVER,
    "18_nz_paused": NEVER,
    "18_nz_slow": AFTER,  # here not a byte arrives
}
WAITS_FOR_IMPORT = {("sonarr", "12_tr_notup_2")}
"""Recorded before the app had tried its import."""
MOVES = ("01_qb_prog", "01_tr_prog", "10_tr_check")
"""Downloads and a check whose bytes move between two looks."""


def rows(app: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((RECORDED / f"{app}.json").read_text())
    return found


def situation(name: str) -> str:
    """Without the number of the sample, and what the client was doing then."""
    return "_".join(name.split("_")[:3])


def download(app: str, row: dict[str, Any]) -> QueuedDownload:
    name = row["name"]
    whole = {
        "id": 1,
        "downloadId": name,
        "added": "2026-11-26T01:03:38Z",
        "protocol": "usenet" if "_nz_" in name else "torrent",
        ("episodeId" if app == "sonarr" else "movieId"): 1,
        **row,
    }
    [found] = joined([QueueResource.model_validate(whole).row()], {})
    return found


def minutes_until_removed(*looks: QueuedDownload) -> float | None:
    """Looks ten minutes apart; `None` when it is never removed."""
    watched = Watched(rules(failed_import={"enabled": True}))
    began = watched.at
    for look in looks:
        verdict = watched.look(look, transmissions=TRANSMISSION)[look.download_id]
        if verdict.action is Consequence.REMOVE:
            return (watched.at - began).total_seconds() / 60
    return None


STILL = [(app, row) for app in APPS for row in rows(app) if situation(row["name"]) not in MOVES]
MOVING = [(app, row) for app in APPS for row in rows(app) if situation(row["name"]) in MOVES]


@pytest.mark.parametrize(("app", "row"), STILL, ids=lambda value: value if isinstance(value, str) else value["name"])
def test_a_recorded_situation_is_decided_as_it_asks(app: str, row: dict[str, Any]) -> None:
    expected = NEVER if (app, row["name"]) in WAITS_FOR_IMPORT else MINUTES[situation(row["name"])]
    assert minutes_until_removed(*[download(app, row)] * LOOKS) == expected


@pytest.mark.parametrize(("app", "row"), MOVING, ids=lambda value: value if isinstance(value, str) else value["name"])
def test_what_moves_is_never_removed(app: str, row: dict[str, Any]) -> None:
    first = download(app, row)
    step = -1 if "prog" in row["name"] else 1
    looks = [replace(first, left=max(1, first.left + step * number * (-1) ** number)) for number in range(LOOKS)]
    assert minutes_until_removed(*looks) is NEVER


def test_every_situation_was_recorded() -> None:
    assert {situation(row["name"]) for _, row in STILL} == set(MINUTES)


DISK = (
    "Not a directory (/data/notadir/radarr/Fake.Movie.One.2019.1080p.WEB-DL.H264-RTR09DISK.mkv)",
    "Transmission is reporting an error: Not a directory (/data/notadir/radarr/Fake.Movie.One.2019.mkv)",
    'Transmission meldet einen Fehler: No data found! Ensure your drives are connected or use "Set Location".',
    "Not a directory (D:\\downloads\\Fake.Movie.One.2019.mkv)",
)
TRACKER = (
    "Tracker gave HTTP response code 500 (Internal Server Error)",
    "Transmission meldet einen Fehler: Tracker is in read-only",
)


@pytest.mark.parametrize("error", DISK)
def test_a_disk_that_transmission_cannot_write_is_not_the_releases_fault(error: str) -> None:
    look = replace(recorded("radarr", "02_tr_nopeer"), status="warning", error=error)
    assert minutes_until_removed(*[look] * LOOKS) is NEVER


@pytest.mark.parametrize("error", TRACKER)
def test_the_word_of_a_tracker_changes_nothing(error: str) -> None:
    look = replace(recorded("radarr", "02_tr_nopeer"), status="warning", error=error)
    assert minutes_until_removed(*[look] * LOOKS) == AFTER_IN_TRANSMISSION


def test_a_magnet_link_that_waits_for_its_turn_in_qbittorrent_is_not_touched() -> None:
    """Its size is 0 too; one that asks for its contents says so."""
    asking = recorded("sonarr", "07_qb_magnet")
    waiting = replace(asking, status="queued", error=None)
    assert minutes_until_removed(*[waiting] * LOOKS) is NEVER
    assert minutes_until_removed(*[waiting] * LOOKS, *[asking] * LOOKS) is not NEVER


# --- what the best-known cleaner removed wrongly, and what it missed --------------------------------------------------


def recorded(app: str, start: str) -> QueuedDownload:
    return download(app, next(row for row in rows(app) if row["name"].startswith(start)))


def test_healthy_downloads_of_a_line_that_is_down_are_not_touched() -> None:
    watched = Watched(rules(), line_is_up=False)
    many = [replace(recorded("sonarr", "02_qb_nopeer"), download_id=str(number)) for number in range(24)]
    for _ in range(LOOKS):
        assert {verdict.action for verdict in watched.look(*many).values()} == {Consequence.NONE}


@pytest.mark.parametrize("every", [2, 6, 12])
def test_slow_starters_and_stutterers_are_not_touched(every: int) -> None:
    """They bring a byte at every so many looks."""
    first = recorded("sonarr", "02_qb_nopeer")
    assert minutes_until_removed(*(replace(first, left=first.left - number // every) for number in range(400))) is NEVER


@pytest.mark.parametrize("cause", ["12_tr_perm_4", "12_tr_perm_3", "12_tr_root", "12_qb_gone", "14_tr_unknown"])
def test_finished_downloads_that_a_person_has_to_look_at_are_not_touched(cause: str) -> None:
    """The heading above them is the one that stands above a bad release too."""
    assert minutes_until_removed(*[recorded("sonarr", cause)] * 400) is NEVER


def test_the_same_hash_grabbed_again_begins_anew() -> None:
    watched = Watched(rules())
    first = recorded("sonarr", "02_qb_nopeer")
    assert watched.minutes_until_removed(first) == AFTER
    again = replace(first, added=watched.at)
    watched.look()
    assert watched.minutes_until_removed(again) == AFTER


def test_a_pack_over_two_pages_is_struck_once_a_look() -> None:
    row = next(row for row in rows("sonarr") if row["name"].startswith("02_qb_nopeer"))
    whole = {"downloadId": "P", "added": "2026-11-26T01:03:38Z", "protocol": "torrent", **row}
    pack = [QueueResource.model_validate({**whole, "id": number, "episodeId": number}).row() for number in range(1, 25)]
    [found] = joined(pack, {})
    assert len(found.item_ids) == 24
    watched = Watched(rules(min_stuck_minutes=0))
    for strikes in range(3):
        assert sum(watched.look(found)["P"].record.strikes.values()) == strikes


@pytest.mark.parametrize("missed", ["08_tr_unreg", "02_tr_nopeer", "07_tr_magnet", "12_qb_novideo", "12_tr_smpl"])
def test_what_it_missed_is_found(missed: str) -> None:
    assert minutes_until_removed(*[recorded("sonarr", missed)] * LOOKS) is not NEVER
