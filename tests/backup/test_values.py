"""Values are encoded exactly; what is never encoded is not decoded."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json, to_json
from sqlalchemy import Date, Enum, Numeric

from app.backup.values import ColumnKind, decode_value, encode_value, kind_of
from tests.backup.contents import values


@given(st.data(), st.sampled_from([kind for kind in ColumnKind if kind is not ColumnKind.JSON]))
def test_every_value_comes_back(data: st.DataObject, kind: ColumnKind) -> None:
    value = data.draw(values[kind])
    line = to_json({"value": encode_value(value)})
    again = decode_value(kind, from_json(line, allow_inf_nan=False)["value"])
    assert (type(again), again) == (type(value), value)


@pytest.mark.parametrize("text", ["null", "1.0", "1e400", '"\\ud800"', "[1,  2]", '{"a":1,"a":2}'])
def test_json_stays_the_text_that_it_is(text: str) -> None:
    assert decode_value(ColumnKind.JSON, text) == text


def test_a_null_is_a_null() -> None:
    assert {decode_value(kind, None) for kind in ColumnKind} == {None}


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (ColumnKind.BYTES, "not base64!"),
        (ColumnKind.BYTES, 3),
        (ColumnKind.TEXT, 3),
        (ColumnKind.NUMBER, "3"),
        (ColumnKind.NUMBER, True),
        (ColumnKind.NUMBER, 10**400),
        (ColumnKind.TIME, 0),
        (ColumnKind.TIME, "2026-02-30T00:00:00Z"),
        (ColumnKind.INTEGER, 1.5),
        (ColumnKind.INTEGER, 2**63),
        (ColumnKind.INTEGER, -(2**63) - 1),
        (ColumnKind.BOOLEAN, None.__class__),
        (ColumnKind.JSON, {}),
    ],
)
def test_what_is_never_encoded_is_not_decoded(kind: ColumnKind, wrong: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its sentence is made by whoever knows the row
        decode_value(kind, wrong)


def test_times_are_encoded_in_utc_and_to_the_microsecond() -> None:
    assert encode_value(datetime(2026, 11, 23, 12, 0, 0, 1, tzinfo=UTC)) == "2026-11-23T12:00:00.000001+00:00"


@pytest.mark.parametrize("unknown", [Date(), Numeric()])
def test_an_unknown_type_is_an_error_and_not_a_guess(unknown: Any) -> None:
    with pytest.raises(TypeError, match="cannot hold"):
        kind_of(unknown)
    assert kind_of(Enum("a")) is ColumnKind.TEXT
