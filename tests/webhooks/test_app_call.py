"""What is read from a call of an app: event, download and item keys; anything else in it is no error."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.arr.webhooks import MAX_ITEMS, AppCall, AppEvent
from app.core.lines import is_breaking
from app.http.bodies import MAX_TEXT_LENGTH
from app.webhooks.app_webhooks import item_keys
from tests.webhooks.payloads import DOWNLOAD, FAMILIES, SAID, all_of, sent

OF_ITEM = {
    "sonarr": {"episode:123", "season:1:1", "series:1"},
    "whisparr2": {"episode:123", "season:1:1", "series:1"},
    "radarr": {"movie:123"},
    "whisparr3": {"movie:123"},
    "lidarr": {"album:123", "artist:1"},
    "readarr": {"book:123", "author:1"},
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_event_of_every_app_is_read(family: str) -> None:
    known = 0
    for body in all_of(family):
        call = AppCall.model_validate(body)
        assert call.event_type == body["eventType"]
        known += call.event is not None
        assert call.download_id == body.get("downloadId")
    assert known == {"sonarr": 8, "whisparr2": 8, "radarr": 7, "whisparr3": 7, "lidarr": 8, "readarr": 6}[family]


@pytest.mark.parametrize("event", ["Grab", "Download", "ImportComplete"])
@pytest.mark.parametrize("family", FAMILIES)
def test_what_an_event_is_about(family: str, event: str) -> None:
    call = AppCall.model_validate(sent(family, event, 123))
    assert item_keys(call) == OF_ITEM[family]
    assert call.download_id == DOWNLOAD


def test_a_failed_download_names_only_itself() -> None:
    call = AppCall.model_validate(sent("lidarr", "DownloadFailure", 123))
    assert (call.event, call.download_id, item_keys(call)) == (AppEvent.DOWNLOAD_FAILURE, DOWNLOAD, frozenset())


def test_why_a_download_is_stuck() -> None:
    body = sent("sonarr", "ManualInteractionRequired", 123)
    assert AppCall.model_validate(body).problem == SAID
    body["downloadStatusMessages"] *= 3
    assert AppCall.model_validate(body).problem == SAID, "told once"
    body["downloadStatusMessages"] = [{"title": "A", "messages": ["One.", 7, "Two."]}, None, {"messages": "x"}]
    assert AppCall.model_validate(body).problem == "One. Two."
    del body["downloadStatusMessages"]
    assert AppCall.model_validate(body).problem is None


def test_an_event_is_known_in_any_case_of_letters() -> None:
    assert AppCall.model_validate({"eventType": "manualinteractionrequired"}).event is AppEvent.MANUAL_INTERACTION
    assert AppCall.model_validate({"eventType": "Brewed"}).event is None
    assert AppCall.model_validate({}).event is None


def test_a_season_pack_is_about_each_of_its_episodes_up_to_a_limit() -> None:
    body = sent("sonarr", "Grab", 1, owner=12, season=3)
    body["episodes"] = [{"id": number, "seasonNumber": 3} for number in range(1, 2 * MAX_ITEMS)]
    names = item_keys(AppCall.model_validate(body))
    assert names >= {"episode:1", f"episode:{MAX_ITEMS}", "season:12:3", "series:12"}
    assert len(names) == MAX_ITEMS + 2


texts = st.text(max_size=20) | st.sampled_from(["Grab", "Download", "x" * 5000, "\x1b[31m", "\u202e"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "messages", "title"]), inner),
    max_leaves=8,
)
FIELDS = sorted(field.alias or name for name, field in AppCall.model_fields.items())


@settings(max_examples=400, deadline=None, database=None)
@given(st.dictionaries(st.sampled_from(FIELDS), values))
def test_nothing_in_an_object_is_an_error(body: dict[str, Any]) -> None:
    call = AppCall.model_validate(json.loads(json.dumps(body)))
    assert all(name.partition(":")[2] for name in item_keys(call))
    for text in (call.event_type, call.download_id, call.message, call.problem):
        assert text is None or (not any(map(is_breaking, text)) and len(text) <= MAX_TEXT_LENGTH)
