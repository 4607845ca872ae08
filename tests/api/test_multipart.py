"""Bodies of multipart/form-data, however they are cut into pieces."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.api.multipart import MAX_HEAD_BYTES, PIECE_BYTES, Multipart, boundary_of
from app.core.errors import BadRequest, UnsupportedMediaType

BOUNDARY = b"x-boundary"
HEAD = b'Content-Disposition: form-data; name="file"; filename="../../etc/passwd"\r\nContent-Type: application/zip'


async def stream(content: bytes, size: int) -> AsyncIterator[bytes]:
    for place in range(0, len(content), size):
        yield content[place : place + size]
    yield b""


async def fields(content: bytes, size: int = 7) -> dict[str, bytes]:
    found = {}
    async for part in Multipart(stream(content, size), BOUNDARY).parts():
        found[part.name] = b"".join([piece async for piece in part.content])
    return found


def body(**given: bytes) -> bytes:
    parts = [
        b'--x-boundary\r\nContent-Disposition: form-data; name="' + name.encode() + b'"\r\n\r\n' + content + b"\r\n"
        for name, content in given.items()
    ]
    return b"".join(parts) + b"--x-boundary--\r\n"


@settings(deadline=None)
@given(st.lists(st.sampled_from([b"\r\n", b"--", b"x-boundary", b"\r\n--x-boundar", b"a", b"\0"])), st.integers(1, 40))
def test_contents_do_not_depend_on_how_the_body_is_cut(pieces: list[bytes], size: int) -> None:
    content = b"".join(pieces)
    if b"\r\n--x-boundary" in b"\r\n" + content:
        return
    given_fields = {"file": content, "passphrase": b"secret"}
    assert asyncio.run(fields(body(**given_fields), size)) == given_fields


@pytest.mark.asyncio
async def test_a_large_file_comes_in_pieces() -> None:
    content = body(file=b"\r\n" * (3 * PIECE_BYTES))
    async for part in Multipart(stream(content, 100_000), BOUNDARY).parts():
        sizes = [len(piece) async for piece in part.content]
    assert sum(sizes) == 6 * PIECE_BYTES
    assert max(sizes) < 2 * PIECE_BYTES


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"--",
        b"hello",
        b"--x-boundary",
        b"--other\r\n\r\n--x-boundary--",
        b"--x-boundary\r\n" + HEAD,
        b"--x-boundary\r\n" + HEAD + b"\r\n\r\nbegun",
        b"--x-boundary\r\nContent-Type: a/b\r\n\r\nx\r\n--x-boundary--",
        b"--x-boundary\r\n\r\nx\r\n--x-boundary--",
        b"--x-boundary\r\n" + b"a" * (MAX_HEAD_BYTES + 9) + b"\r\n\r\n",
        b"--x-boundary\r\nContent-Disposition: attachment; name=file\r\n\r\nx\r\n--x-boundary--",
        b"preamble\r\n" + body(file=b"x"),
        body(**{f"f{number}": b"x" for number in range(30)}),
        b"--x-boundary2\r\n" + HEAD + b"\r\n\r\nx\r\n--x-boundary--",
    ],
)
async def test_malformed_bodies_are_refused(content: bytes) -> None:
    with pytest.raises(BadRequest):
        await fields(content)


@pytest.mark.asyncio
async def test_a_text_field_is_limited_and_utf_8() -> None:
    for content in (b"x" * 11, b"\xff"):
        async for part in Multipart(stream(body(a=content), 5), BOUNDARY).parts():
            with pytest.raises(BadRequest):
                await part.text(10)
            break


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/mixed; boundary=a",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "b" * 71,
        "multipart/form-data; boundary=é",
    ],
)
def test_other_content_types_are_refused(wrong: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        boundary_of(wrong)
    assert boundary_of('multipart/form-data; boundary="a b"') == b"a b"
