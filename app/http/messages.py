"""What an HTTP client is given and gives back: the server, the request, its reply, and a record of the exchange."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

import httpx

from app.http.bodies import MAX_BODY_BYTES, Json, clean_text

MAX_SHOWN_LENGTH = 120

Method: TypeAlias = Literal["GET", "POST", "PUT", "DELETE"]
Scalar: TypeAlias = str | int | bool
Param: TypeAlias = Scalar | Sequence[Scalar]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server and how to reach it. `url` has no trailing slash and may hold a base path."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent with every request, such as a key; ASCII only."""
    timeout_seconds: float = 30.0
    verify_tls: bool = True
    request_concurrency: int = 2
    """Parallel requests to this URL, 1 to 4."""
    noun: str = "app"
    """What the sentences of errors call the server."""

    @property
    def origin(self) -> str:
        return origin_of(self.url)


def media_type(headers: httpx.Headers) -> str:
    kind: str = headers.get("content-type", "")
    return kind.partition(";")[0].strip().lower()


def is_json(content_type: str) -> bool:
    return content_type == "application/json" or content_type.endswith("+json")


def any_type(_content_type: str) -> bool:
    """For bodies that are no JSON, and for servers that do not always say that theirs is."""
    return True


@dataclass(frozen=True, slots=True)
class Content:
    """A body of a request as bytes."""

    body: bytes = field(repr=False)
    content_type: str


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """`path` follows the base of the endpoint's URL, as `/api/v3/queue`."""

    method: Method
    path: str
    params: Mapping[str, Param] | None = None
    json: Json = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent with this request, besides the endpoint's."""
    content: Content | None = None
    """A body that is not JSON; instead of `json`."""
    accepts: Callable[[str], bool] = is_json
    """Whether a body of this content type (lower case, without parameters) is read."""
    max_body_bytes: int = MAX_BODY_BYTES
    sniffs_json: bool = False
    """Whether a body of any other type is read too, if it begins as JSON does."""


@dataclass(frozen=True, slots=True)
class HttpReply:
    """A reply within its bounds; redirects and errors are replies too.

    `body` is `None` when it is not given: a redirect's, or one of a content type that the request does not accept.
    """

    status: int
    headers: httpx.Headers
    path: str
    """The path that was asked, with the base and without the query."""
    body: bytes | None

    @property
    def content_type(self) -> str:
        """In lower case, without its parameters; empty when there is none."""
        return media_type(self.headers)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request on the wire; `status` is `None` without a reply, `received_bytes` counts its body as it came."""

    url: str
    method: str
    path: str
    status: int | None
    seconds: float
    received_bytes: int


def origin_of(url: str) -> str:
    """Scheme, host and port of `url`, as sentences show them."""
    parts = urlsplit(url)
    return shown(f"{parts.scheme}://{parts.netloc}")


def shown(text: str) -> str:
    """`text` on one line, cut to what a sentence can hold."""
    return (clean_text(text) or "")[:MAX_SHOWN_LENGTH]
