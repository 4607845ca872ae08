"""HTTP requests and replies, and the apps' JSON conventions."""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

Json = dict[str, Any]

JSON_MEDIA = "application/json; charset=utf-8"
# The .NET encoder escapes these although JSON does not ask for it.
_ESCAPES = {"&": "\\u0026", "<": "\\u003C", ">": "\\u003E", "+": "\\u002B", "'": "\\u0027"}
_TRAILING_COMMA = re.compile(r",(\s*[\]}])")


@dataclass(slots=True)
class Request:
    """One HTTP request, its path already relative to the url base."""

    method: str
    path: str
    query_text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    has_base: bool = True
    raw_path: str = ""
    path_id: int = 0
    route: str = ""
    _pairs: list[tuple[str, str]] | None = None

    @property
    def pairs(self) -> list[tuple[str, str]]:
        if self._pairs is None:
            self._pairs = [(k.lower(), v) for k, v in parse_qsl(self.query_text, keep_blank_values=True)]
        return self._pairs

    def first(self, name: str) -> str | None:
        """The first value of a query parameter; names are case-insensitive in ASP.NET."""
        wanted = name.lower()
        return next((value for key, value in self.pairs if key == wanted), None)

    def every(self, name: str) -> list[str]:
        wanted = name.lower()
        return [value for key, value in self.pairs if key == wanted]


@dataclass(slots=True)
class Reply:
    """One HTTP answer; `by_error_handler`: the replies of the apps' error handler have no version header."""

    status: int = 200
    body: bytes = b""
    media: str | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    by_error_handler: bool = False
    bare: bool = False  # answered before the version and cache middleware (401, redirects, 503)


def dump(value: Any) -> bytes:
    """JSON as the apps write it; nulls are left out where the resources are built, not here."""
    text = json.dumps(value, separators=(",", ":"))
    for char, escape in _ESCAPES.items():
        if char in text:
            text = text.replace(char, escape)
    return text.encode("ascii")


def load(body: bytes) -> Any:
    """JSON as the apps read it: trailing commas are allowed."""
    text = body.decode("utf-8-sig")
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(_TRAILING_COMMA.sub(r"\1", text))


def json_reply(value: Any, status: int = 200, *, headers: list[tuple[str, str]] | None = None) -> Reply:
    return Reply(status, dump(value), JSON_MEDIA, headers or [])


def present(fields: Json) -> Json:
    """Null properties are never written."""
    return {key: value for key, value in fields.items() if value is not None}


def stamp(epoch: float | None) -> str | None:
    """A time as the apps write it: UTC in whole seconds."""
    return None if epoch is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))


def epoch_of(moment: datetime | float | None) -> int | None:
    """Epoch seconds of an aware datetime (or of a number that already is one)."""
    if moment is None:
        return None
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise ValueError("the simulator takes aware datetimes only")
        return int(moment.timestamp())
    return int(moment)


def parse_date(text: str) -> int:
    """An ISO date from a query; without a zone it is taken as UTC."""
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def timespan(seconds: float) -> str:
    """A .NET "c" TimeSpan: `[d.]hh:mm:ss[.fffffff]`."""
    ticks = round(max(seconds, 0) * 10_000_000)
    whole, fraction = divmod(ticks, 10_000_000)
    days, rest = divmod(whole, 86_400)
    text = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return (f"{days}." if days else "") + text + (f".{fraction:07}" if fraction else "")


def words_of(name: str) -> str:
    """The apps' commandName: `EpisodeSearch` becomes `Episode Search`."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name)


def named(body: Json) -> Json:
    """Names in request bodies are case-insensitive."""
    return {str(key).lower(): value for key, value in body.items()}
