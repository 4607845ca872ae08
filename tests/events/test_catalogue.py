"""The catalogue: complete, robust against odd texts, and documented in docs/events.md."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from app.api.openapi import document
from app.events.bus import encode
from app.events.catalogue import DURABLE_EVENTS, EVENTS, EventName, any_message, event_type_of
from app.events.filters import STREAMED, matching, wanted_names
from app.events.payloads import (
    MAX_NAME_LENGTH,
    MAX_TEXT_LENGTH,
    Control,
    Durable,
    Ephemeral,
    InstanceOffline,
    Level,
    SystemFailed,
)
from app.main import create_app
from tests.events.samples import INSTANCE, instance_offline, search_sent
from tests.support.rig import START
from tests.test_house_rules import table_of

TYPES = {"string": "text", "integer": "integer", "number": "number", "boolean": "true or false", "array": "list"}


def test_every_event_is_in_the_catalogue_once() -> None:
    assert list(EVENTS) == list(EventName)
    assert len({event_type.payload for event_type in EVENTS.values()}) == len(EVENTS)
    for event_type in EVENTS.values():
        bases = [base for base in (Durable, Ephemeral, Control) if issubclass(event_type.payload, base)]
        assert len(bases) == 1, event_type.name
        assert event_type.is_durable == (bases == [Durable])


def test_names_and_wildcards() -> None:
    assert matching("*", EventName) == set(EventName)
    assert matching("hunt.*", DURABLE_EVENTS) == {"hunt.started", "hunt.completed", "hunt.failed"}
    assert matching("log", STREAMED) == {"log"}
    for pattern in ("log", "hunt*", "hunt", "", ".*", "moon.*"):
        assert matching(pattern, DURABLE_EVENTS) == set(), pattern
    assert wanted_names("hunt.*, log") == matching("hunt.*", STREAMED) | {"log"}
    assert set(STREAMED) == set(EventName) - {"stream.ready", "stream.overflow"}


def test_every_field_has_a_description() -> None:
    for event_type in EVENTS.values():
        assert all(field.description for field in event_type.payload.model_fields.values()), event_type.name


def test_a_message_fits_its_schema() -> None:
    for event in (search_sent(), instance_offline(), SystemFailed(part="worker", message="x")):
        made = any_message().validate_json(encode(event, START, 5))
        assert (made.type, made.event_id, made.data) == (event_type_of(event).name, 5, event)
        assert made.level is event_type_of(event).level


def test_the_openapi_document_has_every_message_under_its_name() -> None:
    schemas = document(create_app())["components"]["schemas"]
    mapping = schemas["StreamEvent"]["discriminator"]["mapping"]
    assert set(mapping) == set(EventName)
    for name, reference in mapping.items():
        schema = schemas[reference.rpartition("/")[2]]
        assert schema["properties"]["type"]["const"] == name
        assert schema["required"] == ["type", "level", "timestamp", "event_id", "data"]
    assert mapping["hunt.completed"].endswith("/HuntCompletedEvent")


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("x" * 5000, "x" * MAX_TEXT_LENGTH),
        ("a\0b", "a b"),
        ("a\ud800b", "a?b"),
        ("GET http://tv/api?apikey=abcdef0123 failed", "GET http://tv/api?apikey=******** failed"),
        ("http://user:pass@tv", "http://user:********@tv"),
    ],
)
def test_odd_texts_are_cleaned_and_not_refused(given: str, stored: str) -> None:
    event = InstanceOffline(**{**INSTANCE, "instance_name": given}, error_code="timeout", error=given)
    assert event.error == stored
    assert event.instance_name == stored[:MAX_NAME_LENGTH]
    assert event.data["error"] == stored


def test_an_event_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="frozen"):
        search_sent().title = "another"  # type: ignore[misc] # the refusal is tested


def type_of(schema: dict[str, Any], parts: dict[str, Any]) -> str:
    """The type as the page calls it."""
    if "anyOf" in schema:
        [inner] = [option for option in schema["anyOf"] if option.get("type") != "null"]
        return f"{type_of(inner, parts)} or null"
    if "$ref" in schema:
        return type_of(parts[schema["$ref"].rpartition("/")[2]], parts)
    return "time" if schema.get("format") == "date-time" else TYPES[schema["type"]]


@pytest.mark.parametrize("name", EventName)
def test_the_page_lists_every_field(name: EventName) -> None:
    schema = TypeAdapter(EVENTS[name].payload).json_schema(mode="serialization")
    expected = [
        [f"`{field}`", type_of(value, schema.get("$defs", {})), value["description"]]
        for field, value in schema["properties"].items()
    ]
    assert table_of("docs/events.md", f"### `{name}`") == expected


def test_the_page_lists_every_event() -> None:
    expected = [
        [f"`{name}`", event_type.level or "its own", "yes" if event_type.is_durable else "no", event_type.summary]
        for name, event_type in EVENTS.items()
    ]
    assert table_of("docs/events.md", "## Which events there are") == expected
    assert set(Level) == {"info", "warning", "error"}
