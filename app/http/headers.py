"""Headers that a user adds to our requests: which names and values a request can carry."""

import re
from collections.abc import Mapping
from typing import Final

MAX_HEADERS: Final = 20
MAX_VALUE_LENGTH: Final = 1000
FRAMING: Final = frozenset({"accept-encoding", "content-encoding", "content-length", "content-type", "expect", "host"})
"""What belongs to the body or to the request itself."""
HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")


def check_headers(headers: Mapping[str, str], reserved: frozenset[str]) -> None:
    """`ValueError` for a header that cannot be sent, or that is in `reserved` (lower case) or about the connection."""
    if len(headers) > MAX_HEADERS:
        raise ValueError(f"must be at most {MAX_HEADERS}")
    if len({name.lower() for name in headers}) < len(headers):
        raise ValueError("must not give a header twice")
    for name, value in headers.items():
        if not _NAME.fullmatch(name):
            raise ValueError("contains an invalid header name")
        if name.lower() in reserved | FRAMING | HOP_BY_HOP:
            raise ValueError(f"must not contain {name}: Huntarr sets it, or it is about the connection")
        if not (value.isascii() and value.isprintable()) or value != value.strip():
            raise ValueError(f"contains a value of {name} that is not printable ASCII")
