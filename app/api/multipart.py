"""Bodies of `multipart/form-data` (RFC 7578), part by part and in pieces: a file of a gigabyte takes no memory.

A parser of our own, because the usual one first writes files into `/tmp`, which is memory in our container.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import Message
from typing import Final

from app.core.errors import BadRequest, UnsupportedMediaType

MAX_HEAD: Final = 8 * 1024
MAX_BOUNDARY_LENGTH: Final = 70
MAX_PARTS: Final = 20
PIECE: Final = 1024 * 1024
NOT_VALID: Final = "The body is not valid multipart/form-data."


@dataclass(frozen=True, slots=True)
class FormPart:
    """One field; its content must be read before the next one is asked for."""

    name: str
    content: AsyncIterator[bytes]

    async def text(self, limit: int) -> str:
        """A short field, whole; `BadRequest` when it is longer, or no text."""
        whole = bytearray()
        async for piece in self.content:
            whole += piece
            if len(whole) > limit:
                raise BadRequest(f"The field {self.name} is longer than {limit} bytes.")
        try:
            return whole.decode()
        except UnicodeDecodeError:
            raise BadRequest(f"The field {self.name} is not UTF-8.") from None


def boundary_of(content_type: str) -> bytes:
    """The text between the parts; `UnsupportedMediaType` when there is none."""
    head = Message()
    head["Content-Type"] = content_type
    found = head.get_boundary() if head.get_content_type() == "multipart/form-data" else None
    if not found or not found.isascii() or len(found) > MAX_BOUNDARY_LENGTH:
        raise UnsupportedMediaType("The body must be a file, sent as multipart/form-data.")
    return found.encode()


class Multipart:
    """Reads a stream of bytes; whatever does not fit the format is a `BadRequest`."""

    def __init__(self, stream: AsyncIterator[bytes], boundary: bytes) -> None:
        self._stream = stream
        self._mark = b"\r\n--" + boundary
        self._rest = bytearray(b"\r\n")  # so that the first mark looks like all the others
        self._is_over = False

    async def parts(self) -> AsyncIterator[FormPart]:
        async for _ in self._until(self._mark):
            raise BadRequest(NOT_VALID)
        for _ in range(MAX_PARTS):
            if (line_end := await self._take(2)) == b"--":
                return
            if line_end != b"\r\n":
                raise BadRequest(NOT_VALID)
            yield FormPart(_name_in(await self._head()), self._until(self._mark))
        raise BadRequest(f"The body has more than {MAX_PARTS} parts.")

    async def _head(self) -> bytes:
        """The lines from behind a mark to the empty one; `_take` has read the end of the mark's own line."""
        head = bytearray()
        self._rest[:0] = b"\r\n"
        async for piece in self._until(b"\r\n\r\n"):
            head += piece
            if len(head) > MAX_HEAD:
                raise BadRequest(NOT_VALID)
        return bytes(head)

    async def _until(self, mark: bytes) -> AsyncIterator[bytes]:
        """What comes before `mark`, in pieces; the mark itself is left out."""
        while (place := self._rest.find(mark)) < 0:
            safe = len(self._rest) - len(mark) + 1  # the last bytes may be the beginning of the mark
            if safe >= PIECE:
                yield self._cut(safe)
            await self._more()
        if place:
            yield self._cut(place)
        del self._rest[: len(mark)]

    async def _take(self, count: int) -> bytes:
        while len(self._rest) < count:
            await self._more()
        return self._cut(count)

    async def _more(self) -> None:
        chunk = await anext(self._stream, b"")
        while not chunk and not self._is_over:
            self._is_over = True  # Starlette ends a stream with one empty piece
            chunk = await anext(self._stream, b"")
        if not chunk:
            raise BadRequest(NOT_VALID)
        self._rest += chunk

    def _cut(self, count: int) -> bytes:
        piece = bytes(self._rest[:count])
        del self._rest[:count]
        return piece


def _name_in(head: bytes) -> str:
    """The name of the field; the name that the caller's file has is nobody's business here."""
    for line in head.decode("utf-8", "replace").split("\r\n"):
        key, _, value = line.partition(":")
        if key.strip().lower() == "content-disposition":
            message = Message()
            message["Content-Disposition"] = value.strip()
            name = message.get_param("name", header="content-disposition")
            if message.get_content_disposition() == "form-data" and isinstance(name, str):
                return name
    raise BadRequest(NOT_VALID)
