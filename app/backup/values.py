"""The values of a row as JSON and back: exact, and the same for both databases. Pure."""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Boolean, DateTime, Float, Integer, LargeBinary, String
from sqlalchemy.types import JSON, TypeDecorator, TypeEngine

PAST_INTEGERS: Final = 2**63
MAX_ELEMENTS: Final = 100_000
"""In one JSON value; an empty list takes two bytes here and a hundred in memory."""
YEARS: Final = range(1970, 2200)
"""Times are calculated with: the ends of the calendar have no room for that."""


class ColumnKind(StrEnum):
    """What a column holds. JSON is saved as its text, so that SQL's null and JSON's null stay different."""

    JSON = "JSON"
    BOOLEAN = "boolean"
    TIME = "time"
    INTEGER = "integer"
    NUMBER = "number"
    BYTES = "bytes"
    TEXT = "text"


# In this order: SQLAlchemy's types are each other's subclasses.
_KINDS: Final[tuple[tuple[type[TypeEngine[Any]], ColumnKind], ...]] = (
    (JSON, ColumnKind.JSON),
    (Boolean, ColumnKind.BOOLEAN),
    (DateTime, ColumnKind.TIME),
    (Integer, ColumnKind.INTEGER),
    (Float, ColumnKind.NUMBER),
    (LargeBinary, ColumnKind.BYTES),
    (String, ColumnKind.TEXT),
)


def kind_of(declared: TypeEngine[Any]) -> ColumnKind:
    """The kind of a column type, from our models or read from a database."""
    plain = declared.impl_instance if isinstance(declared, TypeDecorator) else declared
    for known, kind in _KINDS:
        if isinstance(plain, known):
            return kind
    raise TypeError(f"backups cannot hold a column of the type {plain!r}")


def encode_value(value: Any) -> Any:
    """A column value as a JSON value."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def decode_value(kind: ColumnKind, value: Any) -> Any:
    """A JSON value as a column value; `ValueError` for what `encode_value` never returns."""
    return None if value is None else _DECODERS[kind](value)


def _json(value: Any) -> str:
    text = _text(value)
    if sum(map(text.count, (",", "[", "{"))) > MAX_ELEMENTS:
        raise ValueError
    try:
        json.loads(text)
    except RecursionError:
        raise ValueError from None
    return text


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _time(value: Any) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError
    if moment.year not in YEARS:
        raise ValueError
    return moment.astimezone(UTC)


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not -PAST_INTEGERS <= value < PAST_INTEGERS:
        raise ValueError
    return value


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError
    try:
        return float(value)
    except OverflowError:
        raise ValueError from None


def _bytes(value: Any) -> bytes:
    return base64.b64decode(_text(value), validate=True)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


_DECODERS: Final[Mapping[ColumnKind, Callable[[Any], Any]]] = MappingProxyType(
    {
        ColumnKind.JSON: _json,
        ColumnKind.BOOLEAN: _boolean,
        ColumnKind.TIME: _time,
        ColumnKind.INTEGER: _integer,
        ColumnKind.NUMBER: _number,
        ColumnKind.BYTES: _bytes,
        ColumnKind.TEXT: _text,
    }
)
