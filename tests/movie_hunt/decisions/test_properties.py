"""What holds for any releases, and the sentences for people."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.indexers.models import Protocol, ReleaseFlag
from app.movie_hunt.decisions.defaults import DEFAULT_ALLOWED, DEFAULT_CUTOFF, DEFAULT_GROUPS, default_size
from app.movie_hunt.decisions.facts import (
    GrabRules,
    HeldFile,
    MovieFacts,
    Offer,
    ProfileRules,
    Rejection,
)
from app.movie_hunt.decisions.judging import judge, summary
from app.movie_hunt.decisions.scoring import has_word
from app.movie_hunt.decisions.sentences import sentence
from app.releases.models import Quality
from app.releases.reader import read_release_name

NOW = datetime(2026, 11, 26, tzinfo=UTC)
MOVIE = MovieFacts("Iron Meadow", 2019, tmdb_id=1, imdb_id="tt0000001", runtime_minutes=100)
PROFILE = ProfileRules(
    groups=[frozenset(group) for group in DEFAULT_GROUPS],
    allowed=DEFAULT_ALLOWED,
    cutoff=DEFAULT_CUTOFF,
    sizes={quality: default_size(quality) for quality in Quality},
    words={"IMAX": 10, "/HDR|DV/": 5},
)
TITLES = st.sampled_from(
    [
        "Iron.Meadow.2019.1080p.BluRay.x264-A",
        "Iron.Meadow.2019.PROPER.1080p.WEB-DL.H264-B",
        "Iron.Meadow.2019.IMAX.720p.WEBRip.x264-C",
        "Iron.Meadow.2019.CAM.x264-D",
        "Copper.Valley.2019.1080p.BluRay.x264-E",
        "Iron.Meadow.2018.1080p.BluRay.x264-F",
        "nonsense",
    ]
)
OFFERS = st.builds(
    lambda title, **fields: Offer(name=read_release_name(title), **fields),
    TITLES,
    guid=st.uuids().map(str),
    indexer_id=st.integers(1, 3),
    protocol=st.sampled_from(Protocol),
    indexer_priority=st.integers(1, 50),
    size=st.one_of(st.none(), st.integers(1, 2**40)),
    published_at=st.one_of(st.none(), st.integers(0, 10**6).map(lambda minutes: NOW - timedelta(minutes=minutes))),
    seeders=st.one_of(st.none(), st.integers(0, 10**6)),
    peers=st.one_of(st.none(), st.integers(0, 10**6)),
    flags=st.frozensets(st.sampled_from(ReleaseFlag)),
)


@given(st.lists(OFFERS, max_size=12), st.randoms())
def test_the_order_does_not_depend_on_the_order_of_the_offers(offers: list[Offer], order: random.Random) -> None:
    rules = GrabRules(now=NOW, prefers_flags=True)
    shuffled = list(offers)
    order.shuffle(shuffled)
    one, other = judge(offers, MOVIE, PROFILE, rules), judge(shuffled, MOVIE, PROFILE, rules)
    places = {each.offer.guid: place for place, each in enumerate(one)}
    for place, each in enumerate(other):
        if places[each.offer.guid] != place:  # only releases that nothing tells apart
            assert one[place].score == each.score
            assert one[place].offer.name.quality is each.offer.name.quality
    assert summary(one) == summary(other)


@given(st.lists(OFFERS, min_size=1, max_size=12))
def test_more_rejected_releases_do_not_change_what_is_grabbed(offers: list[Offer]) -> None:
    rules = GrabRules(now=NOW)
    judged = judge(offers, MOVIE, PROFILE, rules)
    approved = [each.offer for each in judged if each.is_approved]
    assert [each.offer for each in judge(approved, MOVIE, PROFILE, rules)] == approved


@given(OFFERS)
def test_what_is_grabbed_once_is_no_upgrade_of_itself(offer: Offer) -> None:
    rules = GrabRules(now=NOW)
    [judged] = judge([offer], MOVIE, PROFILE, rules)
    name = offer.name
    held = HeldFile(name.quality, name.revision, judged.score, name.group, name.edition)
    [again] = judge([offer], replace(MOVIE, file=held), PROFILE, rules)
    assert not again.is_approved


@pytest.mark.parametrize("reason", Rejection)
def test_every_reason_is_a_sentence(reason: Rejection) -> None:
    case = SimpleNamespace(facts=MOVIE, profile=PROFILE, rules=GrabRules(now=NOW, max_size=10**10))
    text = sentence(reason, Quality.WEBDL_1080P, 12 * 1024**3, 3, case)
    assert text.endswith(".")
    assert len(text) > 10


def test_a_sentence_about_sizes_has_the_numbers() -> None:
    case = SimpleNamespace(facts=MOVIE, profile=PROFILE, rules=GrabRules(now=NOW))
    text = sentence(Rejection.SIZE_ABOVE_MAX, Quality.WEBDL_1080P, 12 * 1024**3, 0, case)
    assert text == "Its 12.0 GB are more than 9.8 GB, the most for 100 minutes of WEBDL-1080p."


@pytest.mark.parametrize(
    ("word", "fits"),
    [("IMAX", True), ("imax", True), ("IMA", False), ("BluRay x264", True), ("/x26[45]/", True), ("/^Salt/", False)],
)
def test_words_are_whole_words_or_expressions(word: str, fits: bool) -> None:
    assert has_word("Iron.Meadow.2019.IMAX.1080p.BluRay.x264-A", word) is fits


def test_the_year_may_differ_by_one_where_a_number_agrees() -> None:
    offer = Offer(
        read_release_name("Iron.Meadow.2018.1080p.BluRay.x264-A"), "1", 1, Protocol.TORRENT, seeders=5, tmdb_id=1
    )
    [judged] = judge([offer], MOVIE, PROFILE, GrabRules(now=NOW))
    assert judged.is_approved
    [without] = judge([replace(offer, tmdb_id=None)], MOVIE, PROFILE, GrabRules(now=NOW))
    assert without.rejections == (Rejection.WRONG_YEAR,)


def test_a_minimum_age_is_temporary() -> None:
    name = read_release_name("Iron.Meadow.2019.1080p.BluRay.x264-A")
    young = Offer(name, "1", 1, Protocol.USENET, published_at=NOW - timedelta(minutes=5))
    [judged] = judge([young], MOVIE, PROFILE, GrabRules(now=NOW, minimum_age_minutes=30))
    assert (judged.rejections, judged.is_temporary) == ((Rejection.MINIMUM_AGE,), True)
