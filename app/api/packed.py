"""Texts that never change: compressed once, and sent that way to callers that accept gzip.

Replies with data are not compressed: their size would tell about the secrets in them.
"""

import gzip
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response


class PackedText:
    """A text with its compressed form."""

    def __init__(self, content: bytes, media_type: str) -> None:
        self._content = content
        self._packed = gzip.compress(content, mtime=0)  # the same bytes, and so the same ETag, in every process
        self._media_type = media_type

    def reply(self, request: Request, headers: Mapping[str, str] | None = None) -> Response:
        sent = {"Vary": "Accept-Encoding", **(headers or {})}
        if not accepts_gzip(request.headers.getlist("accept-encoding")):
            return Response(self._content, media_type=self._media_type, headers=sent)
        return Response(self._packed, media_type=self._media_type, headers=sent | {"Content-Encoding": "gzip"})


def accepts_gzip(accept_encoding: list[str]) -> bool:
    """Whether `Accept-Encoding` names gzip, or anything, without forbidding it by `q=0` (RFC 9110 §12.5.3)."""
    weights = {}
    for item in ",".join(accept_encoding).lower().split(","):
        coding, _, weight = item.partition(";")
        weights[coding.strip()] = weight.replace(" ", "").removeprefix("q=") or "1"
    weight = weights.get("gzip", weights.get("x-gzip", weights.get("*", "0")))
    return weight.strip("0.") != ""
