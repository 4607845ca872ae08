"""The catalogue: complete, told apart, harmless, and as docs/events.md tells it."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from app.api.openapi import document
from app.events.bus import message
from app.events.catalogue import (
    EVENTS,
    MAX_NAME_LENGTH,
    MAX_TEXT_LENGTH,
    Control,
    Durable,
    Ephemeral,
    EventName,
    InstanceOffline,
    Level,
    SystemFailed,
    any_message,
    kind_of,
)
from app.main import create_app
from tests.events.facts import INSTANCE, instance_offline, search_sent
from tests.support.rig import START
from tests.test_house_rules import table_of

TYPES = {"string": "text", "integer": "integer", "number": "number", "boolean": "true or false", "array": "list"}


def test_every_event_is_in_the_catalogue_once() -> None:
    assert list(EVENTS) == list(EventName)
    assert len({kind.payload for kind in EVENTS.values()}) == len(EVENTS)
    for kind in EVENTS.values():
        bases = [base for base in (Durable, Ephemeral, Control) if issubclass(kind.payload, base)]
        assert len(bases) == 1, kind.name
        assert kind.is_durable == (bases == [Durable])


def test_every_field_says_what_it_is() -> None:
    for kind in EVENTS.values():
        assert all(field.description for field in kind.payload.model_fields.values()), kind.name


def test_a_message_is_what_the_document_says() -> None:
    for event in (search_sent(), instance_offline(), SystemFailed(part="worker", message="x")):
        made = any_message().validate_json(message(event, START, 5))
        assert (made.type, made.event_id, made.data) == (kind_of(event).name, 5, event)
        assert made.level is kind_of(event).level


def test_the_document_has_every_message_under_its_name() -> None:
    schemas = document(create_app())["components"]["schemas"]
    mapping = schemas["StreamEvent"]["discriminator"]["mapping"]
    assert set(mapping) == set(EventName)
    for name, reference in mapping.items():
        schema = schemas[reference.rpartition("/")[2]]
        assert schema["properties"]["type"]["const"] == name
        assert schema["required"] == ["type", "level", "timestamp", "event_id", "data"]
    assert mapping["hunt.completed"].endswith("/HuntCompletedEvent")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("x" * 5000, "x" * MAX_TEXT_LENGTH),
        ("a\0b", "a b"),
        ("a\ud800b", "a?b"),
        ("GET http://tv/api?apikey=abcdef0123 failed", "GET http://tv/api?apikey=******** failed"),
        ("http://user:pass@tv", "http://user:********@tv"),
    ],
)
def test_strange_texts_are_made_fit_and_refuse_nothing(given: str, told: str) -> None:
    event = InstanceOffline(**{**INSTANCE, "instance_name": given}, error_code="timeout", error=given)
    assert event.error == told
    assert event.instance_name == told[:MAX_NAME_LENGTH]
    assert event.data["error"] == told


def test_an_event_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="frozen"):
        search_sent().title = "another"  # type: ignore[misc] # that is what is tested


def type_of(schema: dict[str, Any], parts: dict[str, Any]) -> str:
    """As the page writes it."""
    if "anyOf" in schema:
        [inner] = [one for one in schema["anyOf"] if one.get("type") != "null"]
        return f"{type_of(inner, parts)} or null"
    if "$ref" in schema:
        return type_of(parts[schema["$ref"].rpartition("/")[2]], parts)
    return "time" if schema.get("format") == "date-time" else TYPES[schema["type"]]


@pytest.mark.parametrize("name", EventName)
def test_the_page_lists_every_field(name: EventName) -> None:
    schema = TypeAdapter(EVENTS[name].payload).json_schema(mode="serialization")
    expected = [
        [f"`{field}`", type_of(one, schema.get("$defs", {})), one["description"]]
        for field, one in schema["properties"].items()
    ]
    assert table_of("docs/events.md", f"### `{name}`") == expected


def test_the_page_lists_every_event() -> None:
    expected = [
        [f"`{name}`", kind.level or "its own", "yes" if kind.is_durable else "no", kind.summary]
        for name, kind in EVENTS.items()
    ]
    assert table_of("docs/events.md", "## Which events there are") == expected
    assert set(Level) == {"info", "warning", "error"}
