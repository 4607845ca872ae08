"""Reads the XML of Newznab and Torznab. Pure; whatever the bytes are, only `HttpError` is raised.

Sources: the Newznab specification of nZEDb, the Torznab drafts 1.3 and 1.4.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from xml.etree.ElementTree import Element, ParseError  # nosec B405 # only their names: defusedxml reads

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from app.core.lines import on_one_line
from app.http.errors import HttpError
from app.indexers.errors import IndexerErrorCode, error_of, failed
from app.indexers.models import (
    NO_LIMITS,
    ApiLimits,
    Capabilities,
    FoundRelease,
    IndexerKind,
    Protocol,
    ReleaseFlag,
)

MAX_ITEMS = 1000
MAX_TEXT_LENGTH = 1000
MAX_LINK_LENGTH = 4000
MAX_GUID_LENGTH = 500
MAX_PAGE_SIZE = 100
MAX_SIZE = 2**50
MAX_COUNT = 10_000_000
TORRENT_TYPE, NZB_TYPE = "application/x-bittorrent", "application/x-nzb"
_HASH = re.compile(r"(?:[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})\Z")
_DIGITS = re.compile(r"[0-9]{1,12}\Z")


@dataclass(frozen=True, slots=True)
class FeedPage:
    """One page of results."""

    releases: list[FoundRelease]
    items: int
    """How many items the page had, those included that hold no release."""
    limits: ApiLimits = NO_LIMITS


def read_capabilities(body: bytes) -> Capabilities:
    root = _root(body)
    if _name(root) != "caps":
        raise _not_an_indexer()
    limits, text, movie = root.find("limits"), root.find("searching/search"), root.find("searching/movie-search")
    most = _number(limits, "max") or MAX_PAGE_SIZE
    default = _number(limits, "default") or most
    searchable = movie is not None and movie.get("available", "").lower() == "yes"
    params = (movie.get("supportedParams") or "q") if movie is not None and searchable else ""
    return Capabilities(
        movie_search_params=frozenset(each.strip().lower() for each in params.split(",") if each.strip()),
        has_text_search=text is None or text.get("available", "yes").lower() == "yes",
        is_raw_search=text is not None and text.get("searchEngine") == "raw",
        page_size=max(1, min(max(default, min(most, MAX_PAGE_SIZE)), most, MAX_PAGE_SIZE)),
        categories=dict(list(_categories(root))[:MAX_ITEMS]),
    )


def read_page(body: bytes, kind: IndexerKind) -> FeedPage:
    root = _root(body)
    if _name(root) != "rss":
        raise _not_an_indexer()
    items = list(root.iter("item"))
    releases = [found for item in items[:MAX_ITEMS] if (found := _release(item, kind)) is not None]
    return FeedPage(releases, len(items), _limits(root))


def _root(body: bytes) -> Element:
    """The root; `HttpError` for what is no XML, and for the error that an indexer wrote into it."""
    if not body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise failed(IndexerErrorCode.BAD_XML, "The indexer answers with something that is no XML.")
    try:
        root: Element = fromstring(body, forbid_dtd=False)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError) as broken:
        lowered = body[:2000].lower()
        if b"<html" in lowered or b"<!doctype html" in lowered:
            raise _not_an_indexer() from broken
        raise failed(IndexerErrorCode.BAD_XML, "The indexer answers with broken XML.") from broken
    if _name(root) == "error":
        raise error_of(_number(root, "code") or 900, _text(root.get("description")) or "")
    if _name(root).lower() == "html":
        raise _not_an_indexer()
    return root


def _not_an_indexer() -> HttpError:
    sentence = "There is a web page at this address, no Newznab or Torznab API: check url, api_path and the key."
    return failed(IndexerErrorCode.NOT_AN_INDEXER, sentence)


def _name(element: Element) -> str:
    """Its name without the namespace."""
    return str(element.tag).rpartition("}")[2]


def _number(element: Element | None, name: str) -> int | None:
    value = "" if element is None else (element.get(name) or "").strip()
    return int(value) if _DIGITS.match(value) else None


def _text(value: str | None, limit: int = MAX_TEXT_LENGTH) -> str | None:
    return on_one_line((value or "")[: 4 * limit])[:limit].strip() or None


def _categories(root: Element) -> Iterator[tuple[int, str]]:
    for element in root.iter():
        number = _number(element, "id")
        if _name(element) in ("category", "subcat") and number is not None:
            yield number, _text(element.get("name"), 100) or ""


def _limits(root: Element) -> ApiLimits:
    found = next((each for each in root.iter() if _name(each) == "apilimits"), None)
    if found is None:
        return NO_LIMITS

    def left(current: str, most: str) -> int | None:
        used, limit = _number(found, current), _number(found, most)
        return None if used is None or limit is None else max(0, limit - used)

    return ApiLimits(left("apiCurrent", "apiMax"), left("grabCurrent", "grabMax"))


def _release(item: Element, kind: IndexerKind) -> FoundRelease | None:
    """`None` for an item without title or link."""
    attributes = _attributes(item)
    enclosure = item.find("enclosure")
    title = _text(item.findtext("title"))
    link = _link(item, enclosure, attributes)
    if title is None or link is None:
        return None
    protocol = _protocol(enclosure, link, kind)
    guid = _text(item.findtext("guid"), MAX_GUID_LENGTH) or _text(link, MAX_GUID_LENGTH) or title
    seeders, peers = _swarm(attributes)
    return FoundRelease(
        guid=guid,
        title=title,
        protocol=protocol,
        link=link,
        info_url=_web(item.findtext("comments")),
        size=_size(item, enclosure, attributes),
        published_at=_published(item, attributes),
        categories=frozenset(int(each) for each in attributes.get("category", ()) if _DIGITS.match(each)),
        imdb_id=_imdb(attributes),
        tmdb_id=_positive(_first(attributes, "tmdbid", "tmdb")),
        seeders=seeders,
        peers=peers,
        info_hash=_info_hash(attributes),
        flags=_flags(attributes),
        has_password=_first(attributes, "password") in ("1", "2"),
        minimum_ratio=_ratio(attributes),
        minimum_seed_time=_seed_time(attributes),
    )


def _attributes(item: Element) -> Mapping[str, list[str]]:
    """The `newznab:attr` and `torznab:attr` of an item, by name in lower case."""
    found: dict[str, list[str]] = {}
    for element in item:
        if _name(element) == "attr":
            name, value = (element.get("name") or "").lower(), (element.get("value") or "").strip()
            if name and value and len(found) < MAX_ITEMS:
                found.setdefault(name, []).append(value[:MAX_LINK_LENGTH])
    return found


def _first(attributes: Mapping[str, list[str]], *names: str) -> str | None:
    return next((attributes[name][0] for name in names if name in attributes), None)


def _link(item: Element, enclosure: Element | None, attributes: Mapping[str, list[str]]) -> str | None:
    """The enclosure first; a magnet link only where there is no file. Other schemes are none."""
    given = [enclosure.get("url") if enclosure is not None else None, item.findtext("link")]
    links = [each.strip() for each in given if each and each.strip() and len(each) <= MAX_LINK_LENGTH]
    web = [each for each in links if each.startswith(("http://", "https://"))]
    magnets = [each for each in (*links, _first(attributes, "magneturl") or "") if each.startswith("magnet:")]
    return next(iter([*web, *magnets]), None)


def _protocol(enclosure: Element | None, link: str, kind: IndexerKind) -> Protocol:
    """By the type of the file, because some feeds of one kind carry the other's files."""
    declared = "" if enclosure is None else (enclosure.get("type") or "").lower()
    if link.startswith("magnet:") or declared == TORRENT_TYPE:
        return Protocol.TORRENT
    if declared == NZB_TYPE:
        return Protocol.USENET
    return Protocol.TORRENT if kind is IndexerKind.TORZNAB else Protocol.USENET


def _positive(value: str | None, limit: int = 2**31 - 1) -> int | None:
    if value is None or not _DIGITS.match(value):
        return None
    return int(value) if 0 < int(value) <= limit else None


def _count(value: str | None) -> int | None:
    return min(int(value), MAX_COUNT) if value is not None and _DIGITS.match(value) else None


def _size(item: Element, enclosure: Element | None, attributes: Mapping[str, list[str]]) -> int | None:
    length = None if enclosure is None else enclosure.get("length")
    sizes = (_first(attributes, "size"), item.findtext("size"), length)
    for given in sizes:
        text = (given or "").strip()
        if text.isascii() and text.isdigit() and 0 < int(text[:20]) <= MAX_SIZE:
            return int(text[:20])
    return None


def _published(item: Element, attributes: Mapping[str, list[str]]) -> datetime | None:
    for given in (_first(attributes, "usenetdate"), item.findtext("pubDate")):
        try:
            moment = parsedate_to_datetime((given or "").strip())
            return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return None


def _imdb(attributes: Mapping[str, list[str]]) -> str | None:
    digits = (_first(attributes, "imdbid", "imdb") or "").lower().removeprefix("tt")
    number = _positive(digits)
    return None if number is None else f"tt{number:07}"


def _swarm(attributes: Mapping[str, list[str]]) -> tuple[int | None, int | None]:
    seeders, peers = _count(_first(attributes, "seeders")), _count(_first(attributes, "peers"))
    leechers = _count(_first(attributes, "leechers"))
    if peers is None and leechers is not None:
        peers = leechers + (seeders or 0)
    return seeders, peers


def _info_hash(attributes: Mapping[str, list[str]]) -> str | None:
    value = _first(attributes, "infohash") or ""
    return value.lower() if _HASH.match(value) else None


def _flags(attributes: Mapping[str, list[str]]) -> frozenset[ReleaseFlag]:
    tags = {each.lower() for each in attributes.get("tag", ())}
    found = {flag for flag in ReleaseFlag if flag.value in tags}
    download, upload = _first(attributes, "downloadvolumefactor"), _first(attributes, "uploadvolumefactor")
    found |= {ReleaseFlag.FREELEECH} if _is(download, 0.0) else set()
    found |= {ReleaseFlag.HALFLEECH} if _is(download, 0.5) else set()
    found |= {ReleaseFlag.DOUBLE_UPLOAD} if _is(upload, 2.0) else set()
    if "haspretime" in attributes or "prematch" in attributes:
        found |= {ReleaseFlag.SCENE} if _first(attributes, "haspretime", "prematch") == "1" else set()
    if (_first(attributes, "nuked") or "0").lower() not in ("0", "no", "false"):
        found.add(ReleaseFlag.NUKED)
    return frozenset(found)


def _is(text: str | None, value: float) -> bool:
    return _decimal(text) == value


def _decimal(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 <= number < 1e6 else None


def _ratio(attributes: Mapping[str, list[str]]) -> float | None:
    return _decimal(_first(attributes, "minimumratio")) or None


def _seed_time(attributes: Mapping[str, list[str]]) -> timedelta | None:
    seconds = _positive(_first(attributes, "minimumseedtime"), limit=10**8)
    return None if seconds is None else timedelta(seconds=seconds)


def _web(value: str | None) -> str | None:
    """An address that can be shown: it holds no key."""
    text = _text(value, MAX_GUID_LENGTH) or ""
    has_key = re.search(r"(?:apikey|passkey|token|rsskey|authkey)=", text, re.IGNORECASE)
    return text if text.startswith(("http://", "https://")) and not has_key else None
