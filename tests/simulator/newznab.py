"""A simulated Newznab or Torznab indexer, and the releases that it has."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Literal
from urllib.parse import parse_qs
from xml.sax.saxutils import escape, quoteattr

from tests.simulator.exchange import Message, Receive, Scope, Send

KEY = "indexer-key-0123456789"
POSTED = datetime(2026, 11, 20, 12, tzinfo=UTC)
GB = 1024**3


@dataclass
class SimRelease:
    """A release of the indexer; `attributes` are written as they are."""

    title: str
    size: int | None = 8 * GB
    tmdb_id: int | None = None
    imdb_id: str | None = None
    seeders: int = 20
    peers: int = 25
    posted_at: datetime = POSTED
    categories: tuple[int, ...] = (2040,)
    content: bytes = b""
    """What its link leads to; empty is 404."""
    magnet: str | None = None
    redirect: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    enclosure_type: str | None = None


@dataclass
class SimCall:
    """A request that the indexer got."""

    path: str
    params: Mapping[str, str]


class IndexerSim:
    """Serve it with `tests.simulator.hosting.serve`. Fields may be changed at any time."""

    sends_date = False

    def __init__(self, kind: Literal["newznab", "torznab"] = "torznab") -> None:
        self.kind = kind
        self.releases: list[SimRelease] = []
        self.calls: list[SimCall] = []
        self.movie_params = "q,imdbid,tmdbid"
        self.page_size = 100
        self.key = KEY
        self.answer: Callable[[SimCall], tuple[int, str, bytes] | None] | None = None
        """Replaces a reply: status, content type, body."""
        self.headers: dict[str, str] = {}
        self.api_limits: str | None = None
        self.url = ""
        self.stopping = False

    def stop(self) -> None:
        self.stopping = True

    @property
    def searches(self) -> list[Mapping[str, str]]:
        """The parameters of every search, without those that all have."""
        common = ("apikey", "extended", "limit", "cat", "offset")
        return [
            {name: value for name, value in call.params.items() if name not in common}
            for call in self.calls
            if call.params.get("t") not in (None, "caps")
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        call = SimCall(scope["path"], {name: values[0] for name, values in query.items()})
        self.calls.append(call)
        host = dict(scope["headers"])[b"host"].decode()
        self.url = f"http://{host}"
        status, media, body = (self.answer(call) if self.answer else None) or self._reply(call)
        headers = [(b"content-type", media.encode())]
        headers += [(name.encode(), value.encode()) for name, value in self.headers.items()]
        if status in (301, 302):
            headers.append((b"location", body))
            body = b""
        start: Message = {"type": "http.response.start", "status": status, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": body})

    def _reply(self, call: SimCall) -> tuple[int, str, bytes]:
        if call.path.startswith("/dl/"):
            return self._download(int(call.path.removeprefix("/dl/")))
        if call.params.get("t") == "caps":
            return self._xml(self._caps())
        if self.key and call.params.get("apikey") != self.key:
            return self.error(100, "Incorrect user credentials")
        return self._xml(self._page(call))

    def _download(self, number: int) -> tuple[int, str, bytes]:
        release = self.releases[number]
        if release.redirect is not None:
            return 302, "text/plain", release.redirect.encode()
        if not release.content:
            return 404, "text/plain", b"not found"
        return 200, "application/octet-stream", release.content

    def _caps(self) -> str:
        available = "yes" if self.movie_params else "no"
        return (
            f'<caps><limits max="{self.page_size}" default="{self.page_size}"/><searching>'
            f'<search available="yes" supportedParams="q"/>'
            f'<movie-search available="{available}" supportedParams="{self.movie_params}"/></searching>'
            '<categories><category id="2000" name="Movies"><subcat id="2040" name="HD"/></category></categories></caps>'
        )

    def _page(self, call: SimCall) -> str:
        found = [(number, each) for number, each in enumerate(self.releases) if _fits(each, call.params)]
        offset = int(call.params.get("offset", 0))
        items = "".join(
            self._item(number, each) for number, each in found[offset : offset + int(call.params.get("limit", 100))]
        )
        limits = f"<newznab:apilimits {self.api_limits}/>" if self.api_limits else ""
        return (
            '<rss version="2.0" xmlns:torznab="http://torznab.com/schemas/2015/feed" '
            'xmlns:newznab="http://www.newznab.com/DTD/2010/feeds/attributes/"><channel>'
            f'<newznab:response offset="{offset}" total="{len(found)}"/>{limits}{items}</channel></rss>'
        )

    def _item(self, number: int, release: SimRelease) -> str:
        link = release.magnet or f"{self.url}/dl/{number}?apikey={self.key}"
        attributes = {
            **({"size": str(release.size)} if release.size is not None else {}),
            **({"tmdbid": str(release.tmdb_id)} if release.tmdb_id else {}),
            **({"imdbid": release.imdb_id} if release.imdb_id else {}),
            **({"seeders": str(release.seeders), "peers": str(release.peers)} if self.kind == "torznab" else {}),
            **release.attributes,
        }
        written = "".join(
            f"<{self.kind}:attr name={quoteattr(name)} value={quoteattr(value)}/>"
            for name, value in [*attributes.items(), *(("category", str(each)) for each in release.categories)]
        )
        media = release.enclosure_type or (
            "application/x-bittorrent" if self.kind == "torznab" else "application/x-nzb"
        )
        return (
            f"<item><title>{escape(release.title)}</title><guid>{self.kind}-{number}</guid>"
            f"<link>{escape(link)}</link><pubDate>{format_datetime(release.posted_at)}</pubDate>"
            f"<enclosure url={quoteattr(link)} length={quoteattr(str(release.size or 0))} type={quoteattr(media)}/>"
            f"{written}</item>"
        )

    def _xml(self, text: str) -> tuple[int, str, bytes]:
        return 200, "application/xml", f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()

    def error(self, code: int, description: str) -> tuple[int, str, bytes]:
        """An error as indexers tell it, with status 200."""
        return self._xml(f'<error code="{code}" description={quoteattr(description)}/>')


def _fits(release: SimRelease, params: Mapping[str, str]) -> bool:
    if "tmdbid" in params or "imdbid" in params:
        by_tmdb = str(release.tmdb_id) == params.get("tmdbid")
        return by_tmdb or (release.imdb_id or "tt").removeprefix("tt") == params.get("imdbid")
    words = params.get("q", "").lower().split()
    return all(word in release.title.lower() for word in words)
