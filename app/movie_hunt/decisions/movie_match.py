"""Whether a release is of the movie."""

from app.movie_hunt.decisions.facts import MovieFacts, Offer, Rejection
from app.releases.matching import clean_title
from app.releases.models import ReleaseKind

KINDS = {
    ReleaseKind.EPISODE: Rejection.NOT_A_MOVIE,
    ReleaseKind.OTHER_MEDIUM: Rejection.NOT_A_MOVIE,
    ReleaseKind.PACK: Rejection.PACK,
    ReleaseKind.EXTRA: Rejection.EXTRA,
}
MOVIE_CATEGORIES = range(2000, 3000)
OWN_CATEGORIES = 100_000
"""From here on an indexer numbers its categories as it likes."""
GENERAL_CATEGORIES = range(8000, 9000)
SAMPLE_BYTES = 70 * 1024 * 1024


def match_rejections(offer: Offer, movie: MovieFacts) -> list[Rejection]:
    """Why it is not the movie; empty when it is.

    Numbers of the indexer must not contradict the movie's; they alone do not make a release of another name fit.
    """
    name = offer.name
    if not name.titles:
        return [KINDS.get(name.kind, Rejection.UNREADABLE)]
    found: list[Rejection] = []
    tmdb_agrees = _agrees(name.tmdb_id or offer.tmdb_id, movie.tmdb_id)
    imdb_agrees = _agrees(name.imdb_id or offer.imdb_id, movie.imdb_id)
    if tmdb_agrees is False or imdb_agrees is False:
        found.append(Rejection.WRONG_ID)
    has_id = True in (tmdb_agrees, imdb_agrees) and not found
    if not _has_title(offer, movie):
        found.append(Rejection.WRONG_MOVIE)
    elif not _year_fits(offer, movie, has_id=has_id):
        found.append(Rejection.WRONG_YEAR)
    found += _kind_rejections(offer)
    if _is_of_another_category(offer.categories):
        found.append(Rejection.WRONG_CATEGORY)
    return found


def _agrees(given: int | str | None, known: int | str | None) -> bool | None:
    """`None` where one of both is not known."""
    return None if given is None or known is None else given == known


def _has_title(offer: Offer, movie: MovieFacts) -> bool:
    return not movie.clean_titles.isdisjoint(map(clean_title, offer.name.titles))


def _year_fits(offer: Offer, movie: MovieFacts, *, has_id: bool) -> bool:
    """The same year; one beside it where a number or the original title agrees; none where a number agrees."""
    year = offer.name.year
    if movie.year is None or year == movie.year:
        return True
    if year is None:
        return has_id
    if abs(year - movie.year) != 1:
        return False
    original = clean_title(movie.original_title or "")
    is_translated = original != clean_title(movie.title)
    is_original = is_translated and any(clean_title(title) == original for title in offer.name.titles)
    return has_id or is_original


def _kind_rejections(offer: Offer) -> list[Rejection]:
    found = [KINDS[offer.name.kind]] if offer.name.kind in KINDS else []
    if "sample" in offer.name.name.lower() and offer.size is not None and offer.size < SAMPLE_BYTES:
        found.append(Rejection.SAMPLE)
    return found


def _is_of_another_category(categories: frozenset[int]) -> bool:
    """The indexer says that it is TV, music, books or a game, and not that it is a movie."""
    known = {each for each in categories if 1000 <= each < OWN_CATEGORIES and each not in GENERAL_CATEGORIES}
    return bool(known) and not any(each in MOVIE_CATEGORIES for each in known)
