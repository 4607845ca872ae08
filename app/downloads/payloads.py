"""What stands behind the link of a release: a torrent, a magnet link or an NZB, told apart by content."""

import base64
import hashlib
import re
from urllib.parse import parse_qs, urlsplit

from app.downloads.models import MagnetLink, NzbFile, TorrentFile

MAX_DEPTH = 50
MAX_MAGNET_LENGTH = 8000
_V1_HEX = re.compile(r"urn:btih:([0-9a-fA-F]{40})\Z")
_V1_BASE32 = re.compile(r"urn:btih:([A-Za-z2-7]{32})\Z")
_V2 = re.compile(r"urn:btmh:1220([0-9a-fA-F]{64})\Z")
_INTEGER = re.compile(rb"i-?[0-9]{1,20}e")
_LENGTH = re.compile(rb"([0-9]{1,10}):")
_NZB = re.compile(rb"<nzb[\s>]", re.IGNORECASE)


class BadPayload(Exception):
    """It is none of these; the text is a sentence that says what it is instead."""


def read_payload(content: bytes) -> TorrentFile | NzbFile:
    """`BadPayload` for anything else than a torrent or an NZB."""
    if content[:1] == b"d":
        return TorrentFile(content, info_hash(content))
    start = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<") and _NZB.search(start):
        return NzbFile(content)
    if start[:200].lower().startswith((b"<!doctype html", b"<html")):
        raise BadPayload("The link of the release leads to a web page.")
    raise BadPayload("The link of the release leads to something that is neither a torrent nor an NZB.")


def read_magnet(uri: str) -> MagnetLink:
    """`BadPayload` for a link without an info hash."""
    parts = urlsplit(uri[:MAX_MAGNET_LENGTH])
    topics = parse_qs(parts.query).get("xt", []) if parts.scheme == "magnet" else []
    for topic in topics:
        if found := _V1_HEX.match(topic):
            return MagnetLink(uri, found[1].lower())
        if found := _V1_BASE32.match(topic):
            return MagnetLink(uri, base64.b32decode(found[1].upper()).hex())
    for topic in topics:
        if found := _V2.match(topic):
            return MagnetLink(uri, found[1].lower()[:40])
    raise BadPayload("The magnet link of the release holds no info hash.")


def info_hash(content: bytes) -> str:
    """Of a torrent: SHA-1 of its `info`; of one of version 2 only, the first half of SHA-256 (BEP 3, BEP 52).

    40 hexadecimal digits in lower case. `BadPayload` when it is broken.
    """
    info = _info(content)
    is_v2_only = b"12:meta versioni2e" in info and b"6:pieces" not in info
    if is_v2_only:
        return hashlib.sha256(info).hexdigest()[:40]
    return hashlib.sha1(info, usedforsecurity=False).hexdigest()


def _info(content: bytes) -> bytes:
    """The bytes of `info` in the outer dictionary."""
    at, found = 1, None
    try:
        while content[at : at + 1] != b"e":
            key_end = _skip(content, at, 0)
            end = _skip(content, key_end, 0)
            if content[at:key_end] == b"4:info":
                found = content[key_end:end]
            at = end
    except ValueError as broken:
        raise BadPayload("The torrent file is broken.") from broken
    if found is None or not found.startswith(b"d"):
        raise BadPayload("The torrent file is broken: it has no info.")
    return found


def _skip(content: bytes, at: int, depth: int) -> int:
    """Where the value that begins at `at` ends; `ValueError` when there is none."""
    kind = content[at : at + 1]
    if kind == b"i":
        number = _INTEGER.match(content, at)
        if number is None:
            raise ValueError("no number")
        return number.end()
    if kind in (b"l", b"d"):
        if depth >= MAX_DEPTH:
            raise ValueError("too deep")
        at += 1
        while content[at : at + 1] != b"e":
            at = _skip(content, at, depth + 1)
        return at + 1
    length = _LENGTH.match(content, at)
    if length is None or length.end() + int(length[1]) > len(content):
        raise ValueError("no text")
    return length.end() + int(length[1])
