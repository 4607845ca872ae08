"""The verdict on releases: what may be grabbed, why not, and in which order."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta

from app.indexers.models import Protocol, ReleaseFlag
from app.movie_hunt.decisions.blocklisting import is_blocked
from app.movie_hunt.decisions.facts import GrabRules, JudgedOffer, MovieFacts, Offer, ProfileRules, Rejection
from app.movie_hunt.decisions.movie_match import match_rejections
from app.movie_hunt.decisions.ranking import MEGABYTE, rank_key, runtime_of
from app.movie_hunt.decisions.scoring import has_any, score_of
from app.movie_hunt.decisions.upgrades import upgrade_rejections

ORIGINAL = "Original"
TEMPORARY = frozenset({Rejection.MINIMUM_AGE})


def judge(offers: Sequence[Offer], movie: MovieFacts, profile: ProfileRules, rules: GrabRules) -> list[JudgedOffer]:
    """Every release with its verdict, best first; rejected ones stand among the others."""
    scored = [(offer, score_of(offer.name.name, profile)) for offer in offers]
    ordered = sorted(scored, key=lambda each: rank_key(each[0], each[1], movie, profile, rules))
    return [_judged(offer, score, movie, profile, rules) for offer, score in ordered]


def summary(judged: Sequence[JudgedOffer]) -> Mapping[Rejection, int]:
    """How many releases have which reason."""
    return Counter(reason for each in judged for reason in each.rejections)


def _judged(offer: Offer, score: int, movie: MovieFacts, profile: ProfileRules, rules: GrabRules) -> JudgedOffer:
    found = match_rejections(offer, movie)
    if not {Rejection.UNREADABLE, Rejection.WRONG_MOVIE, Rejection.WRONG_YEAR, Rejection.NOT_A_MOVIE} & set(found):
        found += _release_rejections(offer, score, movie, profile, rules)
        found += _better_known(offer, score, movie, profile, rules)
        found += _size_rejections(offer, movie, profile, rules)
    if not found and rules.free_space is not None and (offer.size or 0) > rules.free_space:
        found.append(Rejection.FREE_SPACE)
    return JudgedOffer(offer, score, tuple(dict.fromkeys(found)), bool(found) and TEMPORARY.issuperset(found))


def _release_rejections(
    offer: Offer, score: int, movie: MovieFacts, profile: ProfileRules, rules: GrabRules
) -> list[Rejection]:
    """What stands against the release itself, whatever is there already."""
    name = offer.name
    age = None if offer.published_at is None else rules.now - offer.published_at
    is_usenet = offer.protocol is Protocol.USENET
    minutes, days = rules.minimum_age_minutes, rules.retention_days
    checks = {
        Rejection.QUALITY_NOT_ALLOWED: name.quality not in profile.allowed,
        Rejection.BLOCKLISTED: any(is_blocked(offer, each) for each in rules.blocklist),
        Rejection.WORD_FORBIDDEN: has_any(name.name, profile.forbidden_words),
        Rejection.WORD_REQUIRED: bool(profile.required_words) and not has_any(name.name, profile.required_words),
        Rejection.SCORE_BELOW_MIN: score < profile.min_score,
        Rejection.LANGUAGE: not _language_fits(offer, movie, profile),
        Rejection.HARDCODED_SUBTITLES: name.hardcoded_subtitles is not None and not rules.allows_hardcoded_subtitles,
        Rejection.PROTOCOL_OFF: offer.protocol not in rules.protocols,
        Rejection.PASSWORD: offer.has_password,
        Rejection.NUKED: ReleaseFlag.NUKED in offer.flags,
        Rejection.TOO_FEW_SEEDERS: not is_usenet and offer.seeders is not None and offer.seeders < offer.min_seeders,
        Rejection.RETENTION: is_usenet and days is not None and age is not None and age > timedelta(days=days),
        Rejection.MINIMUM_AGE: is_usenet and age is not None and age < timedelta(minutes=minutes),
    }
    return [reason for reason, applies in checks.items() if applies]


def _language_fits(offer: Offer, movie: MovieFacts, profile: ProfileRules) -> bool:
    """A name that says nothing means the language that the movie was made in."""
    if not profile.languages:
        return True
    spoken = set(offer.name.languages) or {ORIGINAL}
    original = movie.original_language
    if ORIGINAL in spoken and original is not None:
        spoken.add(original)
    if original is not None and original in spoken:
        spoken.add(ORIGINAL)
    return bool(spoken & profile.languages)


def _better_known(
    offer: Offer, score: int, movie: MovieFacts, profile: ProfileRules, rules: GrabRules
) -> list[Rejection]:
    """What stands against it because of the file that is there, or of a download under way."""
    found: list[Rejection] = []
    if movie.file is not None:
        found += upgrade_rejections(offer, score, movie.file, profile, rules)
    for held in movie.downloading:
        if upgrade_rejections(offer, score, held, profile, rules):
            found.append(Rejection.DOWNLOADING_SAME_OR_BETTER)
    return found


def _size_rejections(offer: Offer, movie: MovieFacts, profile: ProfileRules, rules: GrabRules) -> list[Rejection]:
    """The edges of the band are allowed, and so is a size that is not known."""
    if not offer.size:
        return []
    found: list[Rejection] = []
    if rules.max_size is not None and offer.size > rules.max_size:
        found.append(Rejection.SIZE_ABOVE_GLOBAL_MAX)
    band = profile.sizes.get(offer.name.quality)
    if band is not None:
        minutes = runtime_of(movie)
        if offer.size < band.min * MEGABYTE * minutes:
            found.append(Rejection.SIZE_BELOW_MIN)
        if band.max is not None and offer.size > band.max * MEGABYTE * minutes:
            found.append(Rejection.SIZE_ABOVE_MAX)
    return found
