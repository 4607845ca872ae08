"""Asks Newznab and Torznab indexers: what they can do, what they have of a movie, and what is new."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

from app.core.clock import Clock
from app.http.client import HttpClient
from app.http.clients import read_retry_after
from app.http.messages import Endpoint, HttpReply, HttpRequest, Param, any_type
from app.indexers.errors import IndexerErrorCode, failed, status_error
from app.indexers.feed import FeedPage, read_capabilities, read_page
from app.indexers.models import (
    Capabilities,
    FetchedRelease,
    FoundRelease,
    FoundReleases,
    IndexerConnection,
    MovieQuery,
)

T = TypeVar("T")

MAX_XML_BYTES = 10 * 1024 * 1024
MAX_RELEASE_BYTES = 20 * 1024 * 1024
MAX_PAGES = 3
MAX_REDIRECTS = 5
MAX_RETRY_AFTER = timedelta(hours=24)
SECONDS_BETWEEN_CALLS = 2.0
"""To one host, as Radarr keeps it."""
TRIES = 1
"""A failed search is not repeated at once: the indexer rests instead."""
_NOT_WORDS = re.compile(r"[^\w\s'-]+")


class _HostPace:
    """The lock of a host, and when it was called last."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.called_at: float | None = None


class IndexerClient:
    """`sleep` and `timer` are what the pauses between calls are made of. Every method raises only `HttpError`."""

    def __init__(
        self,
        http: HttpClient,
        clock: Clock,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._clock = clock
        self._sleep = sleep
        self._timer = timer
        self._hosts: dict[str, _HostPace] = {}

    async def capabilities(self, connection: IndexerConnection) -> Capabilities:
        return await self._xml(connection, {"t": "caps"}, read_capabilities)

    async def test(self, connection: IndexerConnection) -> Capabilities:
        """What the indexer can do. `t=caps` needs no key at many indexers, so that a search follows."""
        able = await self.capabilities(connection)
        await self._page(connection, able, {"t": "search", "limit": 1})
        return able

    async def search(self, connection: IndexerConnection, able: Capabilities, query: MovieQuery) -> FoundReleases:
        """By numbers first; by title and year only where numbers found nothing, then by the original title."""
        requests = 0
        by_id = _id_params(able, query)
        tiers = [by_id] if by_id else []
        tiers += [_text_params(able, text) for text in _texts(able, query)]
        found = FoundReleases((), 0)
        for params in tiers:
            found = await self._pages(connection, able, params)
            requests += found.requests
            if found.releases:
                return FoundReleases(found.releases, requests, found.limits, by_id=params is by_id)
        return FoundReleases((), requests, found.limits)

    async def recent(self, connection: IndexerConnection, able: Capabilities) -> FoundReleases:
        """The newest releases: one page, without a query."""
        page = await self._page(connection, able, {"t": "movie" if able.movie_search_params else "search"})
        return FoundReleases(page.releases, 1, page.limits)

    async def fetch(self, connection: IndexerConnection, link: str) -> FetchedRelease:
        """What stands behind the link of a release; redirects are followed, also to a magnet link."""
        for _ in range(MAX_REDIRECTS + 1):
            if link.startswith("magnet:"):
                return FetchedRelease(magnet=link)
            reply = await self._fetch_once(connection, link)
            target = reply.headers.get("location")
            if not (300 <= reply.status < 400 and target):
                return FetchedRelease(content=_release_body(reply))
            link = target if target.startswith("magnet:") else urljoin(link, target)
        raise failed(IndexerErrorCode.BAD_RELEASE, "The link of the release leads from one address to the next.")

    async def _fetch_once(self, connection: IndexerConnection, link: str) -> HttpReply:
        parts = urlsplit(link)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise failed(IndexerErrorCode.BAD_RELEASE, "The link of the release is no address that can be fetched.")
        endpoint = Endpoint(
            f"{parts.scheme}://{parts.netloc}",
            timeout_seconds=connection.timeout_seconds,
            verify_tls=connection.verify_tls,
            noun="indexer",
        )
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        request = HttpRequest("GET", path, accepts=any_type, max_body_bytes=MAX_RELEASE_BYTES)

        def read(reply: HttpReply) -> HttpReply:
            if reply.status >= 400:
                raise status_error(reply.status, self._retry_after(reply))
            return reply

        await self._take_turn(parts.netloc)
        return await self._http.request(endpoint, request, read, tries=3)

    async def _pages(
        self, connection: IndexerConnection, able: Capabilities, params: dict[str, Param]
    ) -> FoundReleases:
        releases: dict[str, FoundRelease] = {}
        page = FeedPage([], 0)
        for number in range(MAX_PAGES):
            page = await self._page(connection, able, {**params, "offset": number * able.page_size})
            releases |= {each.guid: each for each in page.releases if each.guid not in releases}
            if page.items < able.page_size or page.limits.requests_left == 0:
                break
        return FoundReleases(list(releases.values()), number + 1, page.limits)

    async def _page(self, connection: IndexerConnection, able: Capabilities, params: dict[str, Param]) -> FeedPage:
        common: dict[str, Param] = {"extended": 1, "limit": able.page_size}
        if connection.categories:
            common["cat"] = ",".join(str(each) for each in connection.categories)
        return await self._xml(connection, {**common, **params}, lambda body: read_page(body, connection.kind))

    async def _xml(self, connection: IndexerConnection, params: dict[str, Param], read_xml: Callable[[bytes], T]) -> T:
        if connection.api_key:
            params = {**params, "apikey": connection.api_key}
        request = HttpRequest("GET", connection.api_path, params, accepts=any_type, max_body_bytes=MAX_XML_BYTES)

        def read(reply: HttpReply) -> T:
            if 200 <= reply.status < 300:
                return read_xml(reply.body or b"")
            raise status_error(reply.status, self._retry_after(reply))

        await self._take_turn(urlsplit(connection.url).netloc)
        return await self._http.request(_endpoint(connection), request, read, tries=TRIES)

    def _retry_after(self, reply: HttpReply) -> timedelta | None:
        return read_retry_after(reply.headers.get("retry-after"), self._clock(), longest=MAX_RETRY_AFTER)

    async def _take_turn(self, host: str) -> None:
        """Wait until the host may be called again."""
        pace = self._hosts.setdefault(host, _HostPace())
        async with pace.lock:
            if pace.called_at is not None:
                wait = pace.called_at + SECONDS_BETWEEN_CALLS - self._timer()
                if wait > 0:
                    await self._sleep(wait)
            pace.called_at = self._timer()


def _endpoint(connection: IndexerConnection) -> Endpoint:
    return Endpoint(
        connection.url,
        {"Accept": "application/rss+xml, application/xml, text/xml, */*"},
        timeout_seconds=connection.timeout_seconds,
        verify_tls=connection.verify_tls,
        noun="indexer",
    )


def _id_params(able: Capabilities, query: MovieQuery) -> dict[str, Param] | None:
    """Both numbers together where the indexer takes both."""
    params: dict[str, Param] = {}
    if query.tmdb_id is not None and "tmdbid" in able.movie_search_params:
        params["tmdbid"] = query.tmdb_id
    if query.imdb_id is not None and "imdbid" in able.movie_search_params:
        params["imdbid"] = query.imdb_id.removeprefix("tt")
    return {"t": "movie", **params} if params else None


def _texts(able: Capabilities, query: MovieQuery) -> Sequence[str]:
    titles = dict.fromkeys(title for title in (query.title, query.original_title) if title)
    year = "" if query.year is None else f" {query.year}"
    return [f"{title if able.is_raw_search else _plain(title)}{year}" for title in titles]


def _plain(title: str) -> str:
    """Without punctuation, which most searches of indexers take literally."""
    return " ".join(_NOT_WORDS.sub(" ", title.replace("&", " and ")).split())


def _text_params(able: Capabilities, text: str) -> dict[str, Param]:
    return {"t": "movie" if "q" in able.movie_search_params else "search", "q": text}


def _release_body(reply: HttpReply) -> bytes:
    """The bytes of the release; an error in XML or a web page is told as such."""
    body = reply.body or b""
    start = body[:500].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not body:
        raise failed(IndexerErrorCode.BAD_RELEASE, "The link of the release leads to an empty answer.")
    if start.startswith((b"<!doctype html", b"<html")):
        raise failed(IndexerErrorCode.BAD_RELEASE, "The link of the release leads to a web page: is the key valid?")
    if b"<error" in start:
        read_capabilities(body)
    return body
