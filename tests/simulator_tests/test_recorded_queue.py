"""Living downloads show in the queue as they did in the living apps, with real download clients."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.simulator import SimApp, SimClock
from tests.simulator.definitions import AppKind
from tests.simulator.living import Doing, Life, Stage, arrives
from tests.simulator_tests.caller import Caller

FOLDER = Path(__file__).parents[1] / "recordings" / "queue"
CLIENTS = {"qb": "qBittorrent", "tr": "Transmission", "nz": "NZBGet"}


def stays(doing: Doing) -> Life:
    return Life((Stage(doing),))


# The word of a situation's name after its client, and what the simulator is told to do.
LIVES: dict[str, Callable[[], Life]] = {
    "prog": lambda: arrives(20_000),
    "slow": lambda: arrives(20_000),
    "nopeer": lambda: stays("stalled"),
    "paused": lambda: stays("paused"),
    "queued": lambda: stays("queued"),
    "magnet": lambda: stays("metadata"),
    "unreg": lambda: stays("tracker_error"),
    "missing": lambda: stays("disk_error"),
    "check": lambda: stays("checking"),
    "importPending": lambda: arrives(60, "wait"),
    "notup": lambda: arrives(60, "not_upgrade"),
    "exe1": lambda: arrives(60, "executable"),
    "exe": lambda: arrives(60, "executable"),
    "lnk": lambda: arrives(60, "dangerous"),
    "rar": lambda: arrives(60, "archive"),
    "novideo": lambda: arrives(60, "no_video"),
    "smpl": lambda: arrives(60, "sample"),
    "wrongep": lambda: arrives(60, "other_item"),
    "perm": lambda: arrives(60, "permission"),
    "root": lambda: arrives(60, "root_folder"),
    "gone": lambda: arrives(60, "data_gone"),
    "byidpush": lambda: arrives(60, "by_id"),
    "unknown": lambda: arrives(60, "title_mismatch"),
}
# Recorded later than the others of their name, when something else was the matter.
OTHERWISE = {"12_tr_perm_4": "root_folder", "12_tr_perm_5": "disk_full"}


def recorded(kind: AppKind) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / f"{kind}.json").read_text())
    return found


def life_of(row: dict[str, Any]) -> Life:
    if row["name"] in OTHERWISE:
        return arrives(60, OTHERWISE[row["name"]])
    if row["name"].startswith("12_") and not row["statusMessages"]:
        return arrives(60, "wait")
    return LIVES[row["name"].split("_")[2]]()


def essence(row: dict[str, Any]) -> dict[str, Any]:
    """What code looks at; how much is left and which files there were differ."""
    texts = [text for message in row["statusMessages"] for text in message["messages"]]
    return {
        **{key: row.get(key) for key in ("status", "trackedDownloadStatus", "trackedDownloadState", "errorMessage")},
        "texts": [re.sub(r"(import in ).*/", r"\1", text).removesuffix(".mkv") for text in texts],
        "size": row["size"],
        "complete": row["sizeleft"] == 0,
        "timed": "timeleft" in row,
    }


@pytest.mark.parametrize(
    ("kind", "row"),
    [pytest.param(kind, row, id=f"{kind}-{row['name']}") for kind in ("sonarr", "radarr") for row in recorded(kind)],
)
def test_a_row_is_as_it_was(kind: AppKind, row: dict[str, Any]) -> None:
    call = Caller(SimApp(kind, clock=SimClock.frozen()))
    call.app.clients.add("Transmission", "Transmission")
    call.app.clients.add("NZBGet", "Nzbget")
    client = CLIENTS[row["name"].split("_")[1]]
    title = row["title"].removesuffix(".mkv")
    item = call.app.add_item(released=None)
    size = row["size"] or 1000
    call.app.downloads.add([item], grabbed=True, title=title, life=life_of(row), client=client, size=size)
    call.app.advance(600)
    [found] = call.records("queue")
    assert essence(found) == essence(row)
