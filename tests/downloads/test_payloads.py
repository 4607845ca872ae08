"""What stands behind a link is told by its content."""

import hashlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.downloads.models import NzbFile, TorrentFile
from app.downloads.payloads import BadPayload, read_magnet, read_payload
from tests.support.torrent_clients import bencode, make_torrent

HASH = "0123456789abcdef0123456789abcdef01234567"


def test_a_torrent_is_known_by_its_info_hash(tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(b"x" * 50_000)
    content = make_torrent(tmp_path / "file.bin")
    payload = read_payload(content)
    assert isinstance(payload, TorrentFile)
    start = content.index(b"4:info") + 6
    assert payload.info_hash == hashlib.sha1(content[start:-1], usedforsecurity=False).hexdigest()


def test_a_torrent_of_version_two_has_half_of_a_longer_hash() -> None:
    info = {"meta version": 2, "name": "x", "file tree": {}, "piece length": 16384}
    payload = read_payload(bencode({"info": info}))
    assert isinstance(payload, TorrentFile)
    assert payload.info_hash == hashlib.sha256(bencode(info)).hexdigest()[:40]


def test_an_nzb_is_known_by_its_root() -> None:
    content = b'\xef\xbb\xbf<?xml version="1.0"?>\n<!DOCTYPE nzb>\n<nzb xmlns="x"><file/></nzb>'
    assert read_payload(content) == NzbFile(content)


@pytest.mark.parametrize(
    "content", [b"", b"<!DOCTYPE html><html>", b"<rss/>", b"d4:spam", b"de", b"d4:info3:abce", b"PK"]
)
def test_anything_else_is_refused_with_a_sentence(content: bytes) -> None:
    with pytest.raises(BadPayload, match=r"\.$"):
        read_payload(content)


@pytest.mark.parametrize(
    "uri",
    [
        f"magnet:?xt=urn:btih:{HASH}&dn=x",
        f"magnet:?dn=x&xt=urn:btih:{HASH.upper()}",
        "magnet:?xt=urn:btih:AERUKZ4JVPG66AJDIVTYTK6N54ASGRLH",
    ],
)
def test_magnet_links_have_their_hash_in_hexadecimal(uri: str) -> None:
    assert read_magnet(uri).info_hash == HASH


@pytest.mark.parametrize("uri", ["magnet:?dn=x", "http://x/?xt=urn:btih:" + HASH, "magnet:?xt=urn:btih:abc", ""])
def test_a_link_without_a_hash_is_refused(uri: str) -> None:
    with pytest.raises(BadPayload):
        read_magnet(uri)


VALUES = st.recursive(
    st.one_of(st.integers(-(10**12), 10**12), st.binary(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)),
)


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=3), VALUES)
def test_the_hash_is_that_of_the_exact_bytes(outer: dict[str, object], inner: object) -> None:
    info = {"name": "x", "pieces": b"", "more": inner}
    payload = read_payload(bencode({**outer, "info": info}))
    assert isinstance(payload, TorrentFile)
    assert payload.info_hash == hashlib.sha1(bencode(info), usedforsecurity=False).hexdigest()


@given(st.one_of(st.binary(max_size=500), st.binary(max_size=500).map(lambda tail: b"d4:info" + tail)))
def test_broken_bytes_raise_nothing_else(content: bytes) -> None:
    with suppress(BadPayload):
        assert read_payload(content).content == content


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(BadPayload):
        read_payload(b"d1:a" + b"l" * 100_000)
