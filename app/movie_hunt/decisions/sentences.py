"""Reasons as sentences for people."""

from typing import Protocol

from app.movie_hunt.decisions.facts import GrabRules, MovieFacts, ProfileRules, Rejection
from app.movie_hunt.decisions.ranking import runtime_of
from app.releases.models import Quality

GIGABYTE = 1024**3
PLAIN = {
    Rejection.UNREADABLE: "No title can be read in its name.",
    Rejection.WRONG_MOVIE: "Its title is that of another movie.",
    Rejection.WRONG_YEAR: "Its year is not the movie's.",
    Rejection.WRONG_ID: "The indexer says that it is another movie: its TMDB or IMDb number differs.",
    Rejection.NOT_A_MOVIE: "It is an episode, a sports event, music, a book or a program.",
    Rejection.PACK: "It holds several movies.",
    Rejection.EXTRA: "It is a trailer or other extra, not the movie.",
    Rejection.SAMPLE: "It is a sample.",
    Rejection.WRONG_CATEGORY: "The indexer has it in a category that is not for movies.",
    Rejection.BLOCKLISTED: "It failed before and is on the blocklist.",
    Rejection.DOWNLOADING_SAME_OR_BETTER: "An equal or better release is being downloaded.",
    Rejection.WORD_FORBIDDEN: "Its name holds a word that the profile forbids.",
    Rejection.WORD_REQUIRED: "Its name holds none of the words that the profile requires.",
    Rejection.LANGUAGE: "It is in none of the profile's languages.",
    Rejection.HARDCODED_SUBTITLES: "Subtitles are part of its picture.",
    Rejection.UPGRADES_OFF: "The profile allows no upgrades, and the movie has a file.",
    Rejection.CUTOFF_MET: "The file that is there has met the cutoff.",
    Rejection.FILE_SAME_OR_BETTER: "The file that is there is of the same or a better quality.",
    Rejection.FILE_SCORE_SAME_OR_HIGHER: "The file that is there has the same or a higher score.",
    Rejection.REPACK_OF_ANOTHER_GROUP: "It repairs a release of another group than that of the file.",
    Rejection.TOO_FEW_SEEDERS: "It has fewer seeders than the indexer's setting asks for.",
    Rejection.PROTOCOL_OFF: "No enabled download client takes it.",
    Rejection.RETENTION: "It is older than the usenet servers keep.",
    Rejection.PASSWORD: "It is locked with a password.",
    Rejection.NUKED: "The indexer says that it was withdrawn.",
    Rejection.MINIMUM_AGE: "It is too new: it may not be complete yet.",
}


class RuledCase(Protocol):
    """The movie and the rules that a verdict was made by."""

    @property
    def facts(self) -> MovieFacts: ...
    @property
    def profile(self) -> ProfileRules: ...
    @property
    def rules(self) -> GrabRules: ...


def sentence(reason: Rejection, quality: Quality, size: int | None, score: int, case: RuledCase) -> str:
    """With the numbers, where the reason has some."""
    if reason in PLAIN:
        return PLAIN[reason]
    if reason is Rejection.QUALITY_NOT_ALLOWED:
        return f"{quality.value} is not allowed in the profile."
    if reason is Rejection.SCORE_BELOW_MIN:
        return f"Its score of {score} is below {case.profile.min_score}."
    return _about_size(reason, quality, size or 0, case)


def _about_size(reason: Rejection, quality: Quality, size: int, case: RuledCase) -> str:
    has = f"Its {size / GIGABYTE:.1f} GB"
    if reason is Rejection.FREE_SPACE:
        return f"{has} are more than the root folder has room for."
    if reason is Rejection.SIZE_ABOVE_GLOBAL_MAX:
        return f"{has} are more than {(case.rules.max_size or 0) / GIGABYTE:.1f} GB, the most for any release."
    band, minutes = case.profile.sizes.get(quality), runtime_of(case.facts)
    rate = (band.min if reason is Rejection.SIZE_BELOW_MIN else band.max) if band else None
    limit = (rate or 0) * 1024**2 * minutes / GIGABYTE
    word, bound = ("less", "least") if reason is Rejection.SIZE_BELOW_MIN else ("more", "most")
    return f"{has} are {word} than {limit:.1f} GB, the {bound} for {minutes} minutes of {quality.value}."
