"""Lines become entries with ids, of bounded size, that both databases accept."""

import json
from typing import Any

import pytest

from app.core.logging import Line
from app.logs.lines import MAX_CONTEXT_BYTES, MAX_MESSAGE_LENGTH, MAX_TEXT_LENGTH, Entry, entry_of


def made(event: str = "x", level: int = 20, **fields: Any) -> Entry:
    return entry_of(Line(1795449600.25, level, "app.tests", event, fields))


def context(entry: Entry) -> Any:
    return json.loads(entry.context)


def test_ids_bound_by_context_become_columns() -> None:
    found = made(app_type="sonarr", instance_id=3, hunt_id=7, request_id="abc", unit="season")
    assert (found.app_type, found.instance_id, found.hunt_id, found.request_id) == ("sonarr", 3, 7, "abc")
    assert context(found) == {"unit": "season"}
    assert found.id == 1795449600250000
    assert (found.message, found.logger, found.size) == ("x", "app.tests", 1 + len('{"unit":"season"}'))


def test_a_value_that_is_no_id_stays_in_the_context() -> None:
    fields: dict[str, Any] = {"app_type": "plex", "instance_id": "seven", "hunt_id": True}
    found = made(**fields)
    assert (found.app_type, found.instance_id, found.hunt_id, found.request_id) == ("system", None, None, None)
    assert context(found) == fields
    assert context(made(hunt_id=2**31)) == {"hunt_id": 2**31}
    assert context(made(app_type=["sonarr"])) == {"app_type": ["sonarr"]}


@pytest.mark.parametrize(("given", "stored"), [(5, 10), (10, 10), (25, 20), (30, 30), (40, 40), (50, 40)])
def test_every_level_becomes_one_of_ours(given: int, stored: int) -> None:
    assert made(level=given).level == stored


def test_texts_are_accepted_by_both_databases() -> None:
    found = made("a\0b\ud800c", request_id="r\0", title="Pokémon \udfff", nested={"k\0": ["\0"]})
    for text in (found.message, found.context, found.request_id or ""):
        assert "\0" not in text
        text.encode()
    assert context(found)["title"].startswith("Pokémon ")
    assert "Pokémon" in found.context  # as it stands, so that a search finds it
    assert "\\u0000" not in found.context


def test_a_long_message_is_cut_and_marked() -> None:
    found = made("é" * 5000)
    assert len(found.message) == MAX_MESSAGE_LENGTH
    assert found.message.endswith("…")
    assert found.size == len(found.message.encode()) + 2


def test_of_a_traceback_the_end_is_kept() -> None:
    kept = context(made(exception="a" * 10_000 + "ValueError: the reason"))["exception"]
    assert len(kept) == MAX_TEXT_LENGTH
    assert kept.startswith("…")
    assert kept.endswith("ValueError: the reason")


@pytest.mark.parametrize(
    "fields",
    [
        {f"name{number}": "x" * 3000 for number in range(50)},
        {"list": ["y" * 3000] * 1000},
        {"quotes": '"' * 4000, "more": '"' * 4000, "last": 1},
        {"z" * 100_000: 1},
    ],
)
def test_the_context_is_bounded_and_still_json(fields: dict[str, Any]) -> None:
    found = made(**fields)
    assert len(found.context.encode()) <= MAX_CONTEXT_BYTES + 50
    assert isinstance(context(found), dict)


def test_a_truncated_context_says_so() -> None:
    assert context(made(a=1, b=["x" * 4000] * 3, c=2)) == {"a": 1, "truncated": True}


def test_deep_values_and_special_numbers_are_accepted() -> None:
    deep: Any = "bottom"
    for _ in range(100):
        deep = {"in": deep}
    found = made(deep=deep, large=10**30, endless=float("inf"), none=None, yes=True)
    assert context(found) == {
        "deep": {"in": {"in": {"in": {"in": "…"}}}},
        "large": 10**30,
        "endless": "Infinity",
        "none": None,
        "yes": True,
    }
