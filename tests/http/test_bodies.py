"""Bodies: limits that hold after decompression, and limits of JSON."""

import gzip
import json
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.bodies import (
    MAX_BODY_BYTES,
    MAX_DEPTH,
    MAX_PARSED_AT_ONCE_BYTES,
    MAX_SMALL_BYTES,
    looks_like_json,
    parse_json,
    read_body,
)
from app.http.errors import BadBody

TEXT = json.dumps({"records": [{"id": n, "title": f"Chapter {n}"} for n in range(2000)]}).encode()


async def parts(body: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT)),
        ("gzip", gzip.compress(TEXT[:900]) + gzip.compress(b"") + gzip.compress(TEXT[900:])),
        (" GZip", gzip.compress(TEXT)),
    ],
)
@pytest.mark.parametrize("part", [1, 1000, 10**6])
async def test_a_body_is_decoded(encoding: str, body: bytes, part: int) -> None:
    assert await read_body(parts(body, part), encoding) == TEXT


@pytest.mark.asyncio
@pytest.mark.parametrize("encoding", ["", "gzip"])
@pytest.mark.parametrize(("size", "fits"), [(5000, True), (5001, False)])
async def test_the_limit_counts_decoded_bytes(encoding: str, size: int, *, fits: bool) -> None:
    body = gzip.compress(b"x" * size) if encoding else b"x" * size
    if fits:
        assert len(await read_body(parts(body), encoding, limit=5000)) == size
    else:
        with pytest.raises(BadBody, match="larger than"):
            await read_body(parts(body), encoding, limit=5000)


@pytest.mark.asyncio
@pytest.mark.parametrize("members", [1, 20])
async def test_a_bomb_is_cut_off_at_the_limit(members: int) -> None:
    bomb = gzip.compress(bytes(8 * MAX_BODY_BYTES // members)) * members
    assert len(bomb) < MAX_BODY_BYTES // 50
    with pytest.raises(BadBody, match="larger than 20 MB"):
        await read_body(parts(bomb, 2**16), "gzip")


@pytest.mark.asyncio
async def test_members_that_hold_nothing_count_as_they_come() -> None:
    with pytest.raises(BadBody, match="larger than"):
        await read_body(parts(gzip.compress(b"") * 1000), "gzip", limit=5000)


@pytest.mark.asyncio
@pytest.mark.parametrize("filler", [b"[],", b"{},", b"0,", b"[", b"[{"])
async def test_elements_are_counted_in_the_bytes(filler: bytes) -> None:
    """Trial 20: 20 MB of empty lists are 740 MB in memory, so they are refused before anything is parsed."""
    dense = filler * (MAX_BODY_BYTES // len(filler))
    with pytest.raises(BadBody, match="more than 2621440 elements"):
        await read_body(parts(dense, 2**16), "")
    with pytest.raises(BadBody, match="more than 131072 elements"):
        await read_body(parts(dense[: 2**20], 2**16), "", limit=MAX_SMALL_BYTES)


@pytest.mark.asyncio
async def test_the_elements_of_an_honest_body_are_not_too_many() -> None:
    record = {"id": 1234, "seasonNumber": 1, "monitored": True, "hasFile": False, "tags": [1, 2], "title": "A"}
    body = json.dumps([record] * (MAX_BODY_BYTES // len(json.dumps([record])) - 1)).encode()
    assert await read_body(parts(body, 2**16), "") == body


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"no gzip at all"),
        ("gzip", gzip.compress(TEXT)[:-20]),
        ("br", TEXT),
        ("gzip", gzip.compress(TEXT) + b"no gzip"),
        ("gzip", gzip.compress(TEXT) + gzip.compress(TEXT)[:-20]),
        ("deflate", TEXT),
        ("gzip, gzip", gzip.compress(gzip.compress(TEXT))),
    ],
)
async def test_a_broken_or_unrequested_encoding_is_a_bad_body(encoding: str, body: bytes) -> None:
    with pytest.raises(BadBody):
        await read_body(parts(body), encoding)


def nested(depth: int) -> bytes:
    return b"[" * depth + b'"x"' + b"]" * depth


def test_the_depth_is_limited() -> None:
    assert parse_json(nested(MAX_DEPTH)) is not None
    for depth in (MAX_DEPTH + 1, 150, 100_000):
        with pytest.raises(BadBody):
            parse_json(nested(depth))
    wide = b"[" + b",".join([b'{"a":[]}'] * 500) + b"]"
    assert isinstance(parse_json(wide), list)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"{]", b"NaN", b"[1,]", b"<html>", b"\xff\xfe", b"1" * 10_000, b'"\\ud800"']
)
def test_broken_json_is_a_bad_body(body: bytes) -> None:
    with pytest.raises(BadBody):
        parse_json(body)


plain = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"]))


@given(st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner), max_leaves=20))
def test_any_json_survives(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_a_bad_body(body: bytes) -> None:
    with suppress(BadBody):
        assert parse_json(body) == json.loads(body)  # it takes nothing that Python would not


def large(text: str) -> bytes:
    """`text` with more blanks before it than are parsed at once."""
    return b" " * MAX_PARSED_AT_ONCE_BYTES + text.encode()


@given(st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner), max_leaves=20))
def test_a_large_body_is_read_as_a_small_one_is(value: object) -> None:
    """Trial 20: record by record, so that other threads get their turn."""
    for indent in (None, 2):
        assert parse_json(large(json.dumps(value, indent=indent) + "\n ")) == value
        page = {"page": 1, "records": [value, {"a": value}], "more": value}
        assert parse_json(large(json.dumps(page, indent=indent))) == page


@given(st.text(st.sampled_from('[]{},:"01ea \\\n'), max_size=20))
def test_what_is_broken_is_broken_at_any_size(text: str) -> None:
    read: list[object] = []
    for body in (text.encode(), large(text)):
        try:
            read.append(parse_json(body))
        except BadBody:
            read.append(BadBody)
    assert read[0] == read[1]


@pytest.mark.parametrize(
    "text", ["", "[1", "[1,]", "[1 2]", "{]", '{"a"}', '{"a":}', "{1:2}", '{"a":1,}', "[NaN]", '["\\ud800"]', "[1]x"]
)
def test_a_large_broken_body_is_a_bad_body(text: str) -> None:
    with pytest.raises(BadBody):
        parse_json(large(text))


def test_the_depth_of_a_large_body_is_limited_too() -> None:
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(BadBody):
            parse_json(large(nested(depth).decode()))


def test_a_byte_order_mark_is_no_part_of_json() -> None:
    """Trial 39."""
    for body in (b'{"a":1}', large('{"a":1}')):
        assert parse_json(b"\xef\xbb\xbf" + body) == {"a": 1}


@pytest.mark.parametrize(
    ("body", "is_json"),
    [
        (b"{}", True),
        (b"\xef\xbb\xbf\r\n [1]", True),
        (b"<html>", False),
        (b"", False),
        (b"OK", False),
        (b'"text"', False),
    ],
)
def test_what_begins_as_json_does(body: bytes, *, is_json: bool) -> None:
    assert looks_like_json(body) is is_json
