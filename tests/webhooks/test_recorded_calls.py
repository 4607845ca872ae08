"""What the living apps sent by Connect, Webhook, through the real route. Trial 103."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.arr.webhooks import AppCall
from app.hunting.store.models import Outcome
from app.webhooks.app_webhooks import item_keys
from tests.api.replies import data
from tests.simulator.definitions import AppKind
from tests.support.rig import Rig
from tests.webhooks.calling_app import calling_app

pytestmark = pytest.mark.asyncio

FOLDER = Path(__file__).parents[1] / "recordings" / "webhooks"
KINDS: tuple[AppKind, ...] = ("sonarr", "sonarr5", "radarr", "lidarr", "readarr", "whisparr2", "whisparr3")
LOOKED_AT = ("Grab", "Download", "DownloadFailure")


def recorded(kind: AppKind) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = json.loads((FOLDER / f"{kind}.json").read_text())
    return calls


@pytest.mark.parametrize("kind", KINDS)
async def test_every_recorded_call_is_taken(rig: Rig, kind: AppKind) -> None:
    async with calling_app(rig, kind, "import") as caller:
        for call in recorded(kind):
            reply = await caller.client.post(caller.url, content=json.dumps(call["body"]), headers=call["headers"])
            assert reply.status_code == 200, call["name"]
            heard = ("noted",) if call["name"] in ("Test", "Health") else ("passed_over", "looking")
            assert data(reply)["done"] in heard


@pytest.mark.parametrize("kind", KINDS)
async def test_a_recorded_grab_of_our_item_has_the_history_read(rig: Rig, kind: AppKind) -> None:
    async with calling_app(rig, kind, "import") as caller:
        (grab,) = [call for call in recorded(kind) if call["name"] == "Grab"]
        body = grab["body"]
        for items in ("episodes", "albums", "books"):
            for item in body.get(items, []):
                item["id"] = caller.item
        if "movie" in body:
            body["movie"]["id"] = caller.item
        reply = await caller.client.post(caller.url, content=json.dumps(body), headers=grab["headers"])
        assert data(reply)["done"] == "looking"
        await caller.read()
        assert (await caller.search()).outcome is Outcome.GRABBED


@pytest.mark.parametrize("kind", KINDS)
async def test_a_recorded_download_names_its_items_and_its_id(kind: AppKind) -> None:
    for call in recorded(kind):
        read = AppCall.model_validate(call["body"])
        assert read.event_type == call["name"]
        if call["name"] in LOOKED_AT:
            assert read.download_id == call["body"].get("downloadId")
            assert bool(item_keys(read)) is (call["name"] != "DownloadFailure")
