"""Bodies of replies: read within a limit that also holds after decompression, parsed within a depth."""

import zlib
from collections.abc import AsyncIterable
from typing import Final, Protocol, TypeAlias, cast

import brotli  # type: ignore[import-untyped]  # ships no type information
from pydantic_core import from_json

from app.http.errors import BadBody

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

ACCEPT_ENCODING: Final = "gzip, br"
MAX_BODY_BYTES: Final = 20 * 1024 * 1024
MAX_DEPTH: Final = 64
MAX_TEXT_LENGTH: Final = 300


class _Decoder(Protocol):
    def feed(self, part: bytes, room: int) -> bytes:
        """Decoded bytes; `room` or more of them mean that there is too much."""

    @property
    def is_complete(self) -> bool: ...


class _Plain:
    is_complete = True

    def feed(self, part: bytes, room: int) -> bytes:
        return part


class _Gzip:
    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)

    @property
    def is_complete(self) -> bool:
        return self._stream.eof

    def feed(self, part: bytes, room: int) -> bytes:
        return self._stream.decompress(part, room)


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    @property
    def is_complete(self) -> bool:
        return bool(self._stream.is_finished())

    def feed(self, part: bytes, room: int) -> bytes:
        return bytes(self._stream.process(part, output_buffer_limit=room))


_DECODERS: dict[str, type[_Decoder]] = {
    "": _Plain,
    "identity": _Plain,
    "gzip": _Gzip,
    "x-gzip": _Gzip,
    "br": _Brotli,
}


async def read_body(received: AsyncIterable[bytes], encoding: str, *, limit: int = MAX_BODY_BYTES) -> bytes:
    """The body as it was before `encoding` (a `Content-Encoding`), cut off with `BadBody` once it passes `limit`.

    httpx's own decoders are not used: they inflate a received part whole, and 64 KB of brotli can be gigabytes.
    """
    make_decoder = _DECODERS.get(encoding.strip().lower())
    if make_decoder is None:
        raise BadBody("The answer is compressed in a way that was not asked for.")
    decoder = make_decoder()
    parts: list[bytes] = []
    size = 0
    try:
        async for packed in received:
            part = decoder.feed(packed, limit - size + 1)
            size += len(part)
            if size > limit:
                raise BadBody(f"The answer is larger than {limit // 1024 // 1024} MB.")
            parts.append(part)
    except (zlib.error, brotli.error) as broken:
        raise BadBody("The compressed answer is broken.") from broken
    if size and not decoder.is_complete:
        raise BadBody("The compressed answer ends too early.")
    return b"".join(parts)


def parse_json(body: bytes) -> Json:
    """`body` as JSON, without NaN, at most `MAX_DEPTH` levels deep; else `BadBody`."""
    try:
        value = cast(Json, from_json(body, allow_inf_nan=False))
    except ValueError as broken:
        raise BadBody("The answer is no valid JSON.") from broken
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        raise BadBody("The answer is JSON that is nested too deeply.")
    return value


def clean_text(value: object) -> str | None:
    """One line without control characters (PostgreSQL refuses NUL in text), at most `MAX_TEXT_LENGTH` long."""
    if not isinstance(value, str):
        return None
    text = "".join(c if c.isprintable() else " " for c in value[: 4 * MAX_TEXT_LENGTH])
    return " ".join(text.split())[:MAX_TEXT_LENGTH].rstrip() or None


def _deeper_than(value: Json, depth: int) -> bool:
    level: list[Json] = [value]
    for _ in range(depth):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
