"""What stands behind the link of a release: a torrent, a magnet link or an NZB, told apart by content."""

import base64
import hashlib
import html
import re
from typing import Final
from urllib.parse import parse_qs, urlsplit

from app.core.errors import UpstreamFailed
from app.downloads.bencoding import BadBencoding, read_dictionary
from app.downloads.models import MagnetLink, NzbFile, TorrentFile
from app.http.messages import shown

MAX_MAGNET_LENGTH: Final = 8000
MAX_PROLOG_BYTES: Final = 8192
MAX_FIELDS: Final = 300
_BLANKS: Final = b" \t\r\n"
_V1_HEX: Final = re.compile(r"urn:btih:([0-9a-f]{40})", re.IGNORECASE)
_V1_BASE32: Final = re.compile(r"urn:btih:([a-z2-7]{32})", re.IGNORECASE)
_V2: Final = re.compile(r"urn:btmh:1220([0-9a-f]{64})", re.IGNORECASE)
_ROOT: Final = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)(?=[\s/>])")
_SKIPPED: Final = ((b"<?", b"?>"), (b"<!--", b"-->"), (b"<!", b">"))
"""What may stand before the root of an XML document, and how it ends."""
_DESCRIPTION: Final = re.compile(rb"""description\s*=\s*(?:"([^"]*)"|'([^']*)')""")


class BadPayload(UpstreamFailed):
    """It is neither a torrent nor a magnet link nor an NZB; the message says what it is instead."""


def read_payload(content: bytes) -> TorrentFile | NzbFile:
    """A torrent or an NZB; `BadPayload` for anything else."""
    if content[:1] == b"d":
        return TorrentFile(content, info_hash(content))
    root = _root_of(content)
    if root is None:
        raise BadPayload("The link of the release leads to something that is neither a torrent nor an NZB.")
    name, attributes = root
    if name == b"nzb":
        return NzbFile(content)
    if name == b"html":
        raise BadPayload("The link of the release leads to a web page.")
    if name == b"error":
        raise BadPayload(_error_sentence(attributes))
    raise BadPayload("The link of the release leads to an XML document that is no NZB.")


def read_magnet(uri: str) -> MagnetLink:
    """The link and its info hash; `BadPayload` for a link without one.

    The hash of version 1 is preferred, since every client knows a hybrid torrent by it.
    """
    topics = _topics(uri)
    for topic in topics:
        if found := _V1_HEX.fullmatch(topic):
            return MagnetLink(uri, found[1].lower())
        if found := _V1_BASE32.fullmatch(topic):
            return MagnetLink(uri, base64.b32decode(found[1].upper()).hex())
    for topic in topics:
        if found := _V2.fullmatch(topic):
            return MagnetLink(uri, found[1].lower()[:40])
    raise BadPayload("The magnet link of the release holds no info hash.")


def info_hash(content: bytes) -> str:
    """The info hash of a torrent, 40 hexadecimal digits in lower case; `BadPayload` when the file is broken.

    SHA-1 of the bytes of `info` (BEP 3); for a torrent of version 2 only, the first half of their SHA-256 (BEP 52).
    """
    try:
        outer, end = read_dictionary(content)
        if content[end : end + MAX_PROLOG_BYTES].strip(_BLANKS):
            raise BadBencoding("something follows")
        span = outer.get(b"info")
        if span is None or content[span.start : span.start + 1] != b"d":
            raise BadPayload("The torrent file is broken: it has no info.")
        inner, _ = read_dictionary(content, span.start)
    except BadBencoding as broken:
        raise BadPayload("The torrent file is broken.") from broken
    info = content[span.start : span.end]
    version = inner.get(b"meta version")
    if version is not None and content[version.start : version.end] == b"i2e" and b"pieces" not in inner:
        return hashlib.sha256(info).hexdigest()[:40]
    return hashlib.sha1(info, usedforsecurity=False).hexdigest()


def _topics(uri: str) -> list[str]:
    if len(uri) > MAX_MAGNET_LENGTH:
        raise BadPayload("The magnet link of the release is too long.")
    try:
        parts = urlsplit(uri)
        fields = parse_qs(parts.query, max_num_fields=MAX_FIELDS)
    except ValueError as broken:
        raise BadPayload("The magnet link of the release is broken.") from broken
    if parts.scheme != "magnet":
        raise BadPayload("The link of the release is no magnet link.")
    # A link with several topics may number them: xt.1, xt.2 (magnet URI scheme; BEP 9 has the plain form only).
    return [topic for name, values in fields.items() if name.partition(".")[0] == "xt" for topic in values]


def _root_of(content: bytes) -> tuple[bytes, bytes] | None:
    """Name (in lower case) and attributes of the root element; `None` for what is no XML or HTML.

    Only the beginning is looked at. A document that declares entities is not accepted: no NZB needs them.
    """
    rest = content[:MAX_PROLOG_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip(_BLANKS)
    while rest.startswith(b"<"):
        ending = next((end for start, end in _SKIPPED if rest.startswith(start)), None)
        if ending is None:
            found = _ROOT.match(rest)
            return (found[1].lower(), rest[found.end() :].partition(b">")[0]) if found else None
        skipped, _, rest = rest.partition(ending)
        if b"<!ENTITY" in skipped.upper():
            return None
        rest = rest.lstrip(_BLANKS)
    return None


def _error_sentence(attributes: bytes) -> str:
    """Newznab's way to refuse: `<error code="…" description="…"/>`."""
    found = _DESCRIPTION.search(attributes)
    words = shown(html.unescape((found[1] or found[2] or b"").decode(errors="replace"))) if found else ""
    return "The indexer does not give the release" + (f": {words.rstrip('.')}." if words else ".")
