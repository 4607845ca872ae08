"""What is remembered of downloads and queues, as JSON for its columns."""

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from app.hunting.selection.requested import RequestedItem
from app.swaparr.policy import Memory, Record

_RECORD: TypeAdapter[Record] = TypeAdapter(Record)
_ITEMS: TypeAdapter[list[RequestedItem]] = TypeAdapter(list[RequestedItem])
_MEMORY: TypeAdapter[Memory] = TypeAdapter(Memory)


def stored_record(record: Record) -> dict[str, Any]:
    found: dict[str, Any] = _RECORD.dump_python(record, mode="json")
    return found


def read_record(stored: dict[str, Any]) -> Record:
    return _RECORD.validate_python(stored)


def stored_memory(memory: Memory) -> dict[str, Any]:
    found: dict[str, Any] = _MEMORY.dump_python(memory, mode="json")
    return {**found, "clients": sorted(found["clients"])}


def read_memory(stored: dict[str, Any]) -> Memory:
    return _MEMORY.validate_python(stored)


def stored_items(items: Sequence[RequestedItem]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _ITEMS.dump_python(list(items), mode="json")
    return found


def read_items(stored: Sequence[dict[str, Any]]) -> list[RequestedItem]:
    return _ITEMS.validate_python(stored)
