"""Bodies of replies: read within limits that also hold after decompression, parsed within a depth.

An empty list takes two bytes on the wire and a hundred in memory: so elements are counted too, in the bytes, before
anything is parsed.
"""

import json
import re
import zlib
from collections.abc import AsyncIterable
from typing import Final, Protocol, TypeAlias, cast

from pydantic_core import from_json

from app.core.lines import on_one_line
from app.http.errors import BadBody

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

ACCEPT_ENCODING: Final = "gzip"  # the apps take brotli at its fast level, which makes more bytes than gzip
MAX_BODY_BYTES: Final = 20 * 1024 * 1024
MAX_SMALL_BYTES: Final = 1024 * 1024
"""For replies that are small in any library."""
MIN_BYTES_PER_ELEMENT: Final = 8  # the apps' replies have 13 and more
MIN_ELEMENTS: Final = 4096
MAX_PARSED_AT_ONCE_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 64
BOM: Final = b"\xef\xbb\xbf"
BLANKS: Final = re.compile(r"[ \t\r\n]*")
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
    """One or more members, one behind the other (RFC 1952, 2.2)."""

    def __init__(self) -> None:
        self._stream = _gzip_member()

    @property
    def is_complete(self) -> bool:
        return self._stream.eof

    def feed(self, part: bytes, room: int) -> bytes:
        made: list[bytes] = []
        while part and room > 0:
            if self._stream.eof:
                self._stream = _gzip_member()
            made.append(self._stream.decompress(part, room))
            room -= len(made[-1])
            part = self._stream.unused_data
        return b"".join(made)


def _gzip_member() -> "zlib._Decompress":
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)


_DECODERS: dict[str, type[_Decoder]] = {
    "": _Plain,
    "identity": _Plain,
    "gzip": _Gzip,
    "x-gzip": _Gzip,
}


async def read_body(received: AsyncIterable[bytes], encoding: str, *, limit: int = MAX_BODY_BYTES) -> bytes:
    """The body as it was before `encoding` (a `Content-Encoding`), cut off with `BadBody` once it passes `limit`.

    The limit holds for the bytes as they come, for the decoded ones, and for the elements that they can hold.
    httpx's own decoders are not used: they inflate a received part whole.
    """
    make_decoder = _DECODERS.get(encoding.strip().lower())
    if make_decoder is None:
        raise BadBody("The answer is compressed in a way that was not asked for.")
    decoder = make_decoder()
    parts: list[bytes] = []
    size = came = elements = 0
    max_elements = max(limit // MIN_BYTES_PER_ELEMENT, MIN_ELEMENTS)
    try:
        async for packed in received:
            came += len(packed)
            part = decoder.feed(packed, limit - size + 1)
            size += len(part)
            if max(size, came) > limit:
                raise BadBody(f"The answer is larger than {limit / 1024 / 1024:.3g} MB.")
            elements += sum(map(part.count, (b",", b"[", b"{")))
            if elements > max_elements:
                raise BadBody(f"The answer has more than {max_elements} elements.")
            parts.append(part)
    except zlib.error as broken:
        raise BadBody("The compressed answer is broken.") from broken
    if size and not decoder.is_complete:
        raise BadBody("The compressed answer ends too early.")
    return b"".join(parts)


def parse_json(body: bytes) -> Json:
    """`body` as JSON, without NaN, at most `MAX_DEPTH` levels deep; else `BadBody`. A byte order mark is ignored.

    More than `MAX_PARSED_AT_ONCE_BYTES` should be parsed in a thread; other threads then get their turn.
    """
    body = body.removeprefix(BOM)
    try:
        value = _parse_in_steps(body.decode()) if len(body) > MAX_PARSED_AT_ONCE_BYTES else _parse(body)
    except (ValueError, RecursionError) as broken:
        raise BadBody("The answer is no valid JSON.") from broken
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        raise BadBody("The answer is JSON that is nested too deeply.")
    return value


def looks_like_json(body: bytes) -> bool:
    """Whether it begins as an object or a list does."""
    return body.removeprefix(BOM).lstrip()[:1] in (b"{", b"[")


def clean_text(value: object) -> str | None:
    """One line without control characters (PostgreSQL refuses NUL in text), at most `MAX_TEXT_LENGTH` long."""
    if not isinstance(value, str):
        return None
    return on_one_line(value[: 4 * MAX_TEXT_LENGTH])[:MAX_TEXT_LENGTH].rstrip() or None


def _parse(text: bytes | str) -> Json:
    return cast(Json, from_json(text, allow_inf_nan=False))


def _parse_in_steps(text: str) -> Json:
    """As `_parse`, but a list, or a list that is a value of an object, is parsed record by record.

    `_parse` holds the interpreter's lock from beginning to end: the event loop would wait for it in any thread.
    """
    value, end = _Steps(text).root()
    if end != len(text):
        raise ValueError("something stands behind the value")
    return value


class _Steps:
    """Each method takes where a value begins, and gives it with where the next token is."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._scan = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode

    def root(self) -> tuple[Json, int]:
        at = self._skip(0)
        return self._object(at) if self._text[at : at + 1] == "{" else self._list_or_value(at)

    def _object(self, at: int) -> tuple[Json, int]:
        found: dict[str, Json] = {}
        at = self._skip(at + 1)
        while self._text[at : at + 1] != "}":
            name, at = self._value(self._token(at, ",") if found else at)
            if not isinstance(name, str):
                raise ValueError("a name is no text")
            found[name], at = self._list_or_value(self._token(at, ":"))
        return found, self._skip(at + 1)

    def _list_or_value(self, at: int) -> tuple[Json, int]:
        if self._text[at : at + 1] != "[":
            return self._value(at)
        found: list[Json] = []
        at = self._skip(at + 1)
        while self._text[at : at + 1] != "]":
            value, at = self._value(self._token(at, ",") if found else at)
            found.append(value)
        return found, self._skip(at + 1)

    def _value(self, at: int) -> tuple[Json, int]:
        value, end = self._scan(self._text, at)
        if self._text.find("\\", at, end) >= 0:  # an escape may be half of a surrogate pair, which is no text
            value = _parse(self._text[at:end])
        return value, self._skip(end)

    def _token(self, at: int, token: str) -> int:
        if self._text[at : at + 1] != token:
            raise ValueError(f"no {token}")
        return self._skip(at + 1)

    def _skip(self, at: int) -> int:
        if self._text[at : at + 1] not in (" ", "\t", "\r", "\n"):
            return at
        found = BLANKS.match(self._text, at)
        return found.end() if found else at


def _refuse_constant(name: str) -> Json:
    raise ValueError(name)


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
