"""Bodies of `multipart/form-data` (RFC 7578), read in pieces: a file of a gigabyte takes no memory.

Starlette's parser writes files to `/tmp` first, which is memory in our container image; so this is our own.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import Message
from typing import Final

from app.core.errors import BadRequest, UnsupportedMediaType

MAX_HEAD_BYTES: Final = 8 * 1024
MAX_BOUNDARY_LENGTH: Final = 70
MAX_PARTS: Final = 20
PIECE_BYTES: Final = 1024 * 1024
NOT_VALID: Final = "The body is not valid multipart/form-data."


@dataclass(frozen=True, slots=True)
class FormPart:
    """One field; its content must be read before the next one is asked for."""

    name: str
    content: AsyncIterator[bytes]

    async def text(self, limit: int) -> str:
        """The whole content of a short field; `BadRequest` when it is longer than `limit` bytes or not UTF-8."""
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
    """The boundary between the parts; `UnsupportedMediaType` when there is none."""
    head = Message()
    head["Content-Type"] = content_type
    found = head.get_boundary() if head.get_content_type() == "multipart/form-data" else None
    if not found or not found.isascii() or len(found) > MAX_BOUNDARY_LENGTH:
        raise UnsupportedMediaType("The body must be a file, sent as multipart/form-data.")
    return found.encode()


class Multipart:
    """Reads a stream of bytes; `BadRequest` for what does not fit the format."""

    def __init__(self, stream: AsyncIterator[bytes], boundary: bytes) -> None:
        self._stream = stream
        self._delimiter = b"\r\n--" + boundary
        self._buffer = bytearray(b"\r\n")  # so that the first delimiter looks like all others
        self._is_over = False

    async def parts(self) -> AsyncIterator[FormPart]:
        async for _ in self._until(self._delimiter):
            raise BadRequest(NOT_VALID)
        for _ in range(MAX_PARTS):
            if (line_end := await self._take(2)) == b"--":
                return
            if line_end != b"\r\n":
                raise BadRequest(NOT_VALID)
            yield FormPart(_name_in(await self._head()), self._until(self._delimiter))
        raise BadRequest(f"The body has more than {MAX_PARTS} parts.")

    async def _head(self) -> bytes:
        """The header lines of a part; `_take` has already read the end of the delimiter's line."""
        head = bytearray()
        self._buffer[:0] = b"\r\n"
        async for piece in self._until(b"\r\n\r\n"):
            head += piece
            if len(head) > MAX_HEAD_BYTES:
                raise BadRequest(NOT_VALID)
        return bytes(head)

    async def _until(self, delimiter: bytes) -> AsyncIterator[bytes]:
        """The bytes before `delimiter`, in pieces; the delimiter is consumed."""
        while (position := self._buffer.find(delimiter)) < 0:
            safe = len(self._buffer) - len(delimiter) + 1  # the last bytes may be the beginning of the delimiter
            if safe >= PIECE_BYTES:
                yield self._cut(safe)
            await self._more()
        if position:
            yield self._cut(position)
        del self._buffer[: len(delimiter)]

    async def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            await self._more()
        return self._cut(count)

    async def _more(self) -> None:
        chunk = await anext(self._stream, b"")
        while not chunk and not self._is_over:
            self._is_over = True  # Starlette ends a stream with one empty piece
            chunk = await anext(self._stream, b"")
        if not chunk:
            raise BadRequest(NOT_VALID)
        self._buffer += chunk

    def _cut(self, count: int) -> bytes:
        piece = bytes(self._buffer[:count])
        del self._buffer[:count]
        return piece


def _name_in(head: bytes) -> str:
    """The name of the field; the file name is ignored."""
    for line in head.decode("utf-8", "replace").split("\r\n"):
        key, _, value = line.partition(":")
        if key.strip().lower() == "content-disposition":
            message = Message()
            message["Content-Disposition"] = value.strip()
            name = message.get_param("name", header="content-disposition")
            if message.get_content_disposition() == "form-data" and isinstance(name, str):
                return name
    raise BadRequest(NOT_VALID)
