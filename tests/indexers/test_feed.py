"""Reading the XML of indexers: odd values, and any bytes."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.errors import HttpError
from app.indexers.feed import read_capabilities, read_page
from app.indexers.models import FoundRelease, IndexerKind, Protocol, ReleaseFlag

HEAD = '<rss xmlns:torznab="t" xmlns:newznab="n"><channel>'


def one(item: str, kind: IndexerKind = IndexerKind.TORZNAB) -> FoundRelease:
    [found] = read_page(f"{HEAD}<item>{item}</item></channel></rss>".encode(), kind).releases
    return found


def attr(**values: str) -> str:
    return "".join(f'<torznab:attr name="{name}" value="{value}"/>' for name, value in values.items())


def link(url: str = "http://x/1", kind: str = "application/x-bittorrent", length: str = "5") -> str:
    return f'<title>T</title><enclosure url="{url}" type="{kind}" length="{length}"/>'


def test_the_size_may_stand_in_three_places() -> None:
    assert one(link() + attr(size="7")).size == 7
    assert one(link() + "<size>6</size>").size == 6
    assert one(link()).size == 5
    assert one(link(length="-1") + attr(size="0")).size is None
    assert one(link(length="99999999999999999999999")).size is None


def test_a_magnet_counts_only_without_a_file() -> None:
    magnet = "magnet:?xt=urn:btih:" + "a" * 40
    assert one(link() + attr(magneturl=magnet)).link == "http://x/1"
    found = one(f"<title>T</title><link>{magnet}</link>")
    assert (found.link, found.protocol) == (magnet, Protocol.TORRENT)


def test_an_nzb_in_a_torznab_feed_is_usenet() -> None:
    assert one(link(kind="application/x-nzb")).protocol is Protocol.USENET
    assert one(link(kind="")).protocol is Protocol.TORRENT
    assert one(link(kind=""), IndexerKind.NEWZNAB).protocol is Protocol.USENET


def test_numbers_of_databases() -> None:
    assert one(link() + attr(imdb="0810001", tmdbid="12")).imdb_id == "tt0810001"
    assert one(link() + attr(imdbid="tt12345678")).imdb_id == "tt12345678"
    found = one(link() + attr(imdb="0", tmdbid="0"))
    assert (found.imdb_id, found.tmdb_id) == (None, None)


def test_peers_seeds_and_flags() -> None:
    found = one(
        link()
        + attr(seeders="5", leechers="7", downloadvolumefactor="0", uploadvolumefactor="2.0", tag="internal")
        + attr(minimumratio="1.5", minimumseedtime="3600", infohash="A" * 40)
    )
    assert (found.seeders, found.peers) == (5, 12)
    assert found.flags == {ReleaseFlag.FREELEECH, ReleaseFlag.DOUBLE_UPLOAD, ReleaseFlag.INTERNAL}
    assert (found.minimum_ratio, found.minimum_seed_time) == (1.5, timedelta(hours=1))
    assert found.info_hash == "a" * 40


def test_dates_with_and_without_a_zone() -> None:
    date = "<pubDate>Fri, 20 Nov 2026 12:00:00 +0100</pubDate>"
    assert one(link() + date).published_at == datetime(2026, 11, 20, 11, tzinfo=UTC)
    assert one(link() + date + attr(usenetdate="Thu, 19 Nov 2026 12:00:00")).published_at == datetime(
        2026, 11, 19, 12, tzinfo=UTC
    )
    assert one(link() + "<pubDate>yesterday</pubDate>").published_at is None


def test_an_address_with_a_key_is_not_shown() -> None:
    assert one(link() + "<comments>http://x/details/1</comments>").info_url == "http://x/details/1"
    assert one(link() + "<comments>http://x/details/1?apikey=secret</comments>").info_url is None


def test_a_release_without_title_or_link_is_left_out() -> None:
    page = read_page(
        f"{HEAD}<item><title>T</title></item><item>{link()}</item></channel></rss>".encode(), IndexerKind.TORZNAB
    )
    assert (len(page.releases), page.items) == (1, 2)


def test_titles_are_one_line() -> None:
    assert one("<title>  A\n  B\u0085 </title><link>http://x/1</link>").title == "A B"


@pytest.mark.parametrize("size", [("500", "", 100), ("50", "20", 50), ("10", "", 10), ("", "", 100)])
def test_the_page_size_is_within_the_limits(size: tuple[str, str, int]) -> None:
    limits = "".join(f' {name}="{value}"' for name, value in zip(("max", "default"), size, strict=False) if value)
    body = f"<caps><limits{limits}/><searching><movie-search available='yes' supportedParams='q'/></searching></caps>"
    assert read_capabilities(body.encode()).page_size == size[2]


XML = st.recursive(
    st.sampled_from(
        ["<item/>", "<title>x</title>", '<newznab:attr name="size" value="-5"/>', "<![CDATA[x]]>", "&#x41;"]
    ),
    lambda inner: st.lists(inner, max_size=4).map(lambda parts: f"<item>{''.join(parts)}</item>"),
)


READERS: tuple[Callable[[bytes], object], ...] = (read_capabilities, lambda body: read_page(body, IndexerKind.TORZNAB))


@given(st.one_of(st.binary(max_size=300), XML.map(lambda text: f"{HEAD}{text}</channel></rss>".encode())))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for read in READERS:
        try:
            read(body)
        except HttpError as refused:
            message = refused.message
        else:
            message = "."
        assert message
