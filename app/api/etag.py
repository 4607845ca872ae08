"""ETags: pollers ask "still the same?" and get 304 without a body."""

import hashlib
import re

from starlette.requests import Request
from starlette.responses import Response

_TAG = re.compile(r'(?:W/)?("[^"]*")')


def tag_of(body: bytes) -> str:
    """A strong tag: the same bytes have the same tag in every process."""
    return f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'


def matches(asked: list[str], tag: str) -> bool:
    """Whether `If-None-Match` names `tag`; weakly compared, as RFC 9110 §13.1.2 wants it."""
    text = ",".join(asked)
    return text.strip() == "*" or tag.removeprefix("W/") in _TAG.findall(text)


def tagged(request: Request, response: Response) -> Response:
    """`response` with its own tag or a new one, or 304 when the caller has it; only whole 200 replies are tagged."""
    body = getattr(response, "body", None)
    if response.status_code != 200 or not isinstance(body, bytes):
        return response
    tag = response.headers.get("etag") or tag_of(body)
    asked = request.headers.getlist("if-none-match")
    if asked and matches(asked, tag):
        return Response(status_code=304, headers={"ETag": tag})
    response.headers["ETag"] = tag
    return response
