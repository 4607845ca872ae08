"""What stands behind a link, told apart by its content, and the info hash of torrents and magnet links."""

import base64
import hashlib
import re
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.downloads.bencoding import MAX_DEPTH
from app.downloads.models import NzbFile, TorrentFile
from app.downloads.payloads import MAX_MAGNET_LENGTH, BadPayload, info_hash, read_magnet, read_payload
from tests.support.torrents import Bencodable, bencode

Given = TypeVar("Given")
Found = TypeVar("Found")
HEX = re.compile("[0-9a-f]{40}")
NZB = (
    b'<?xml version="1.0" encoding="iso-8859-1" ?>\n<!DOCTYPE nzb PUBLIC "-//newzBin//DTD NZB 1.1//EN" "a.dtd">\n<nzb/>'
)
INFO: dict[str, Bencodable] = {"length": 4, "name": "film.mkv", "piece length": 16384, "pieces": b"0" * 20}
V2_INFO: dict[str, Bencodable] = {"file tree": {}, "meta version": 2, "name": "film.mkv", "piece length": 16384}
HASH = "0123456789abcdef0123456789abcdef01234567"
HASH_V2 = hashlib.sha256(b"film").hexdigest()

values: st.SearchStrategy[Bencodable] = st.recursive(
    st.integers(-(2**63), 2**63) | st.binary(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
infos = st.dictionaries(st.text(max_size=12), values, max_size=6)


def outcome(read: Callable[[Given], Found], given: Given) -> Found | str:
    """What was read, or the sentence of the refusal."""
    try:
        return read(given)
    except BadPayload as refused:
        return refused.message


def sha1(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


# --- kinds -----------------------------------------------------------------------------------------------------------


def test_a_torrent_is_known_by_its_hash() -> None:
    content = bencode({"announce": "http://tracker/1", "info": INFO, "nodes": []})
    assert read_payload(content) == TorrentFile(content, sha1(bencode(INFO)))


@pytest.mark.parametrize(
    "content",
    [
        NZB,
        b"\xef\xbb\xbf\r\n" + NZB,
        b'<nzb xmlns="http://www.newzbin.com/DTD/2003/nzb"><file/></nzb>',
        b"<!-- made by <an> indexer --><NZB>",
        b'<n:nzb xmlns:n="http://www.newzbin.com/DTD/2003/nzb">',
    ],
)
def test_an_nzb_is_known_by_its_root(content: bytes) -> None:
    assert read_payload(content) == NzbFile(content)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "neither a torrent nor an NZB"),
        (b"Sign in first", "neither a torrent nor an NZB"),
        (b"\0" * 50, "neither a torrent nor an NZB"),
        (b"<", "neither a torrent nor an NZB"),
        (b"<!-- <nzb> ", "neither a torrent nor an NZB"),
        (b'<!DOCTYPE nzb [<!ENTITY a "b">]><nzb>', "neither a torrent nor an NZB"),
        (b"<!DOCTYPE html>\n<html><body>Please <nzb> sign in", "leads to a web page"),
        (b"<HTML lang=en>", "leads to a web page"),
        (b"<rss><nzb/></rss>", "an XML document that is no NZB"),
        (b"<nzbs/>", "an XML document that is no NZB"),
        (b'<?xml?><error code="500" description="Download limit &amp; more."/>', "release: Download limit & more."),
        (b"<error code='900' description=''/>", "does not give the release."),
        (b"<error/>", "does not give the release."),
    ],
)
def test_anything_else_is_refused_with_what_it_is(content: bytes, sentence: str) -> None:
    with pytest.raises(BadPayload) as caught:
        read_payload(content)
    assert sentence in caught.value.message


@given(st.binary(max_size=300) | st.binary(max_size=100).map(lambda tail: b"d4:infod" + tail + b"ee"))
@example(b"<?")
@example(b'<error description="\xff&#0;&#xffffffff;"')
@example(b"d4:infod1:a")
def test_no_content_breaks_the_reader(content: bytes) -> None:
    found = outcome(read_payload, content)
    assert found.endswith(".") if isinstance(found, str) else found.content == content


# --- info hashes -----------------------------------------------------------------------------------------------------


@given(before=infos, info=infos, after=infos)
def test_the_hash_is_that_of_the_bytes_of_info(
    before: dict[str, Bencodable], info: dict[str, Bencodable], after: dict[str, Bencodable]
) -> None:
    others = {key: each for key, each in {**before, **after}.items() if key != "info"}
    assert info_hash(bencode({**others, "info": info})) == sha1(bencode(info))


@given(st.binary(max_size=60), st.data())
def test_a_torrent_that_is_cut_off_is_refused(pieces: bytes, data: st.DataObject) -> None:
    content = bencode({"info": {**INFO, "pieces": pieces}, "publisher": "a"})
    end = data.draw(st.integers(1, len(content) - 1))
    with pytest.raises(BadPayload, match="torrent file is broken"):
        info_hash(content[:end])


def test_of_version_2_alone_it_is_the_first_half_of_sha_256() -> None:
    expected = hashlib.sha256(bencode(V2_INFO)).hexdigest()[:40]
    assert info_hash(bencode({"info": V2_INFO, "piece layers": {}})) == expected


def test_of_a_hybrid_it_is_that_of_version_1() -> None:
    hybrid = {**V2_INFO, **INFO}
    assert info_hash(bencode({"info": hybrid, "piece layers": {}})) == sha1(bencode(hybrid))


def test_a_name_that_looks_like_version_2_changes_nothing() -> None:
    info: dict[str, Bencodable] = {"name": "12:meta versioni2e"}
    assert info_hash(bencode({"info": info})) == sha1(bencode(info))


@pytest.mark.parametrize(
    "content",
    [
        b"d4:infod1:ai1eee" + b"\r\n",
        b"d4:infod1:ai1ee3:zzzle" + b"e",
    ],
)
def test_a_line_break_at_the_end_or_other_keys_are_no_harm(content: bytes) -> None:
    assert info_hash(content) == sha1(b"d1:ai1ee")


@pytest.mark.parametrize(
    "content",
    [
        b"de",
        b"d4:infoi1ee",
        b"d4:infolee",
        b"d4:infod1:ai1eee<html>",
        b"d4:infode4:infod1:ai1eee",
        b"d4:infod1:ai1e1:ai2eee",
        b"d4:infodi1ei1eee",
        b"d4:infodlei1eee",
        b"d4:infod1:aeee",
        b"d4:infod2:aa",
        b"d4:infod01:ai1eee",
        b"d4:infod-1:ai1eee",
        b"d4:infod99999999999999999999:aee",
        b"d4:infod1:ai--1eee",
        b"d4:infod1:aieee",
        b"d4:infod1:a" + b"l" * (MAX_DEPTH + 1) + b"e" * (MAX_DEPTH + 1) + b"ee",
        b"d4:infod1:a" + b"l" * 1_000_000,
    ],
)
def test_a_torrent_that_is_not_well_formed_is_refused(content: bytes) -> None:
    with pytest.raises(BadPayload, match="torrent file is broken"):
        info_hash(content)


def test_a_torrent_of_endless_values_is_refused() -> None:
    with pytest.raises(BadPayload, match="torrent file is broken"):
        info_hash(b"d4:infod1:al" + b"le" * 1_000_001 + b"eee")


# --- magnet links ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"xt=urn:btih:{HASH}&dn=Film", HASH),
        (f"xt=urn:btih:{HASH.upper()}&tr=udp%3A%2F%2Ftracker", HASH),
        (f"dn=Film&xt=urn:btih:{base64.b32encode(bytes.fromhex(HASH)).decode()}", HASH),
        (f"dn=Film&xt=urn:btih:{base64.b32encode(bytes.fromhex(HASH)).decode().lower()}", HASH),
        (f"xt=urn%3Abtih%3A{HASH}", HASH),
        (f"xt.1=urn:btmh:1220{HASH_V2}&xt.2=urn:btih:{HASH}", HASH),
        (f"xt=urn:btmh:1220{HASH_V2}", HASH_V2[:40]),
        (f"xt=urn:ed2k:abc&xt=urn:btmh:1220{HASH_V2.upper()}", HASH_V2[:40]),
    ],
)
def test_a_magnet_link_names_its_hash(query: str, expected: str) -> None:
    uri = f"magnet:?{query}"
    found = read_magnet(uri)
    assert (found.uri, found.info_hash) == (uri, expected)


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("magnet:?dn=Film", "holds no info hash"),
        (f"magnet:?xt=urn:btih:{HASH}0", "holds no info hash"),
        (f"magnet:?xt=urn:btih:{HASH[:-1]}\u0660", "holds no info hash"),
        (f"magnet:?xt=urn:btmh:1220{HASH}", "holds no info hash"),
        (f"https://tracker/?xt=urn:btih:{HASH}", "is no magnet link"),
        ("", "is no magnet link"),
        ("magnet://[?xt=1", "is broken"),
        ("magnet:?" + "a=1&" * 400, "is broken"),
        (f"magnet:?xt=urn:btih:{HASH}&dn=" + "a" * MAX_MAGNET_LENGTH, "is too long"),
    ],
)
def test_a_magnet_link_without_a_hash_is_refused(uri: str, sentence: str) -> None:
    with pytest.raises(BadPayload) as caught:
        read_magnet(uri)
    assert sentence in caught.value.message


@given(st.text(max_size=80).map(lambda text: f"magnet:?xt={text}") | st.text(max_size=80))
def test_no_magnet_link_breaks_the_reader(uri: str) -> None:
    found = outcome(read_magnet, uri)
    assert found.endswith(".") if isinstance(found, str) else HEX.fullmatch(found.info_hash)
