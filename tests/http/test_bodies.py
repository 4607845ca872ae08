"""Bodies: limits that hold after decompression, and limits of JSON."""

import gzip
import json
from collections.abc import AsyncIterator
from contextlib import suppress

import brotli  # type: ignore[import-untyped]  # ships no type information
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.bodies import MAX_BODY_BYTES, MAX_DEPTH, parse_json, read_body
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
        ("br", brotli.compress(TEXT)),
        (" GZip", gzip.compress(TEXT)),
    ],
)
@pytest.mark.parametrize("part", [1, 1000, 10**6])
async def test_a_body_is_decoded(encoding: str, body: bytes, part: int) -> None:
    assert await read_body(parts(body, part), encoding) == TEXT


@pytest.mark.asyncio
@pytest.mark.parametrize("encoding", ["", "gzip", "br"])
@pytest.mark.parametrize(("size", "fits"), [(5000, True), (5001, False)])
async def test_the_limit_counts_decoded_bytes(encoding: str, size: int, *, fits: bool) -> None:
    body = {"": bytes, "gzip": gzip.compress, "br": brotli.compress}[encoding](b"x" * size)
    if fits:
        assert len(await read_body(parts(body), encoding, limit=5000)) == size
    else:
        with pytest.raises(BadBody, match="larger than"):
            await read_body(parts(body), encoding, limit=5000)


@pytest.mark.asyncio
@pytest.mark.parametrize("encoding", ["gzip", "br"])
async def test_a_bomb_is_cut_off_at_the_limit(encoding: str) -> None:
    bomb = (
        gzip.compress(bytes(8 * MAX_BODY_BYTES))
        if encoding == "gzip"
        else brotli.compress(bytes(8 * MAX_BODY_BYTES), quality=1)
    )
    assert len(bomb) < MAX_BODY_BYTES // 50
    with pytest.raises(BadBody, match="larger than 20 MB"):
        await read_body(parts(bomb, 2**16), encoding)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"no gzip at all"),
        ("br", b"\xff\xff\xff\xff no brotli"),
        ("gzip", gzip.compress(TEXT)[:-20]),
        ("br", brotli.compress(TEXT)[:-20]),
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
