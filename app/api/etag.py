"""ETags: pollers ask whether a reply has changed and get 304 without a body when it has not."""

import hashlib
import re

from starlette.responses import Response

from app.api.body import BoundedRequest, Handler

_TAG = re.compile(r'(?:W/)?("[^"]*")')


def tag_of(body: bytes) -> str:
    """A strong tag: the same bytes have the same tag in every process."""
    return f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'


def matches(if_none_match: list[str], tag: str) -> bool:
    """Whether `If-None-Match` names `tag`; a weak comparison, as RFC 9110 §13.1.2 demands."""
    text = ",".join(if_none_match)
    return text.strip() == "*" or tag.removeprefix("W/") in _TAG.findall(text)


def etag(inner: Handler) -> Handler:
    """`inner`, whose whole 200 replies carry a tag, or 304 when the caller has that reply already."""

    async def handle(request: BoundedRequest) -> Response:
        response = await inner(request)
        body = getattr(response, "body", None)
        if response.status_code != 200 or not isinstance(body, bytes):
            return response
        tag = response.headers.get("etag") or tag_of(body)
        if_none_match = request.headers.getlist("if-none-match")
        if if_none_match and matches(if_none_match, tag):
            return Response(status_code=304, headers={"ETag": tag})
        response.headers["ETag"] = tag
        return response

    return handle
