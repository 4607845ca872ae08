"""Quality profiles: what may be grabbed, and what is better."""

import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.clock import Clock
from app.core.db import Database, upsert
from app.core.errors import Conflict, Invalid
from app.core.fields import ShortName, one_line
from app.core.schemas import In, Out, UtcTime, example, patch_of
from app.movie_hunt.decisions.defaults import DEFAULT_ALLOWED, DEFAULT_CUTOFF, DEFAULT_GROUPS, default_size
from app.movie_hunt.decisions.facts import ProfileRules, SizeBand
from app.movie_hunt.models import Movie, MovieProfile
from app.movie_hunt.rows import flush_unique, require_row
from app.releases.models import Quality

MAX_WORDS = 100
MAX_WORD_LENGTH = 200
MAX_RATE = 10_000
DEFAULT_NAME = "HD"
NO_PROFILE = "There is no quality profile with this id."
SAME_NAME = "There is a quality profile of this name already."
REPEATED = re.compile(r"[*+}?]\)?[*+{]|\)[*+{]")
"""A repetition of something that is itself repeated: such expressions may take for ever."""


def checked_word(word: str) -> str:
    """A plain word, or `/expression/` that can be tried on every name in no time."""
    one_line(word)
    if len(word) > 2 and word.startswith("/") and word.endswith("/"):
        if REPEATED.search(word):
            raise ValueError("must not repeat a group, or what is repeated already: it could take for ever")
        try:
            re.compile(word[1:-1])
        except re.error as wrong:
            raise ValueError(f"is no regular expression: {wrong}") from wrong
    return word


Word = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_WORD_LENGTH),
    AfterValidator(checked_word),
]
WordList = Annotated[list[Word], Field(max_length=MAX_WORDS)]
Rate = Annotated[float, Field(ge=0, le=MAX_RATE)]


class QualityGroup(In):
    """Qualities that are worth the same."""

    qualities: list[Quality] = Field(min_length=1, max_length=10)
    allowed: bool = False


class QualitySize(In):
    """Sizes in MB for each minute of the movie."""

    quality: Quality
    min: Rate = 0
    preferred: Rate | None = Field(None, description="Null: the larger the better.")
    max: Rate | None = Field(None, description="Null is no limit.")

    @model_validator(mode="after")
    def _in_order(self) -> "QualitySize":
        known = [each for each in (self.min, self.preferred, self.max) if each is not None]
        if known != sorted(known):
            raise ValueError("min, preferred and max must rise in this order")
        return self


class PreferredWord(In):
    word: Word
    score: int = Field(ge=-100_000, le=100_000)


def _default_groups() -> list[QualityGroup]:
    return [QualityGroup(qualities=list(each), allowed=each[0] in DEFAULT_ALLOWED) for each in DEFAULT_GROUPS]


def _default_sizes() -> list[QualitySize]:
    bands = {quality: default_size(quality) for quality in DEFAULT_ALLOWED}
    limited = sorted((quality, band) for quality, band in bands.items() if band.max is not None)
    return [QualitySize(quality=name, min=band.min, preferred=band.preferred, max=band.max) for name, band in limited]


class ProfileDocument(In):
    """What a profile says."""

    qualities: list[QualityGroup] = Field(
        default_factory=_default_groups, min_length=1, max_length=50, description="From the worst to the best."
    )
    cutoff: Quality = Field(DEFAULT_CUTOFF, description="With it, a movie needs no better quality.")
    upgrades_allowed: bool = Field(True, description="Replace a file by a better one.")
    sizes: list[QualitySize] = Field(default_factory=_default_sizes, max_length=50)
    preferred_words: Annotated[list[PreferredWord], Field(max_length=MAX_WORDS)] = Field(
        default_factory=list, description="Words in the name that add to the score; `/…/` is a regular expression."
    )
    required_words: WordList = Field(default_factory=list, description="One of them must be in the name.")
    forbidden_words: WordList = Field(default_factory=list, description="None of them may be in the name.")
    min_score: int = Field(0, ge=-1_000_000, le=1_000_000, description="Least score of a release.")
    cutoff_score: int | None = Field(
        None,
        ge=-1_000_000,
        le=1_000_000,
        description="Up to it a better score is an upgrade too; null: scores never make one once the cutoff is met.",
    )
    min_score_increment: int = Field(1, ge=1, le=100_000, description="Least gain of score for the same quality.")
    languages: Annotated[list[ShortName], Field(max_length=50)] = Field(
        default_factory=list,
        description="One of them must be the release's; `Original` is the movie's own. Empty allows all.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> "ProfileDocument":
        named = [quality for group in self.qualities for quality in group.qualities]
        if len(named) != len(set(named)):
            raise ValueError("qualities must name each quality once")
        allowed = {quality for group in self.qualities if group.allowed for quality in group.qualities}
        if self.cutoff not in allowed:
            raise ValueError("cutoff must be one of the allowed qualities")
        if len({each.quality for each in self.sizes}) != len(self.sizes):
            raise ValueError("sizes must name each quality once")
        return self


def rules_of(document: ProfileDocument) -> ProfileRules:
    """The document as decisions take it."""
    return ProfileRules(
        groups=tuple(frozenset(group.qualities) for group in document.qualities),
        allowed=frozenset(quality for group in document.qualities if group.allowed for quality in group.qualities),
        cutoff=document.cutoff,
        upgrades_allowed=document.upgrades_allowed,
        sizes={each.quality: SizeBand(each.min, each.preferred, each.max) for each in document.sizes},
        words={each.word: each.score for each in document.preferred_words},
        required_words=tuple(document.required_words),
        forbidden_words=tuple(document.forbidden_words),
        min_score=document.min_score,
        cutoff_score=document.cutoff_score,
        min_score_increment=document.min_score_increment,
        languages=frozenset(document.languages),
    )


class ProfileIn(ProfileDocument):
    """A whole profile; what is left out is as in the default profile."""

    model_config = example({"name": "Full HD", "cutoff": "Bluray-1080p"})

    name: ShortName = Field(examples=["Full HD"])


@patch_of(ProfileIn)
class ProfilePatch(In):
    """Only what is in the body is changed; lists are replaced as a whole."""

    model_config = example({"upgrades_allowed": False})


class ProfileOut(ProfileDocument, Out):
    """A quality profile."""

    model_config = ConfigDict(extra="ignore")

    id: int
    name: str
    movies: int = Field(description="Movies that have it.")
    created_at: UtcTime
    updated_at: UtcTime


class ProfileService:
    """Creates, changes and deletes quality profiles."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def ensure_default(self) -> None:
        """The profile of a new installation. Two processes may do it at once."""
        async with self._db.reading() as session:
            if (await session.exec(select(MovieProfile.id).limit(1))).first() is not None:
                return
        now = self._clock()
        rules = ProfileDocument().model_dump(mode="json")
        row = {"name": DEFAULT_NAME, "rules": rules, "created_at": now, "updated_at": now}
        async with self._db.session() as session:
            await upsert(session, MovieProfile, [row], key=["name"])

    async def list(self) -> "list[ProfileOut]":
        async with self._db.reading() as session:
            rows = (await session.exec(select(MovieProfile).order_by(col(MovieProfile.id)))).all()
            return await _profiles_out(session, rows)

    async def get(self, profile_id: int) -> ProfileOut:
        async with self._db.reading() as session:
            return (await _profiles_out(session, [await require_row(session, MovieProfile, profile_id, NO_PROFILE)]))[0]

    async def create(self, given: ProfileIn) -> ProfileOut:
        now = self._clock()
        rules = given.model_dump(mode="json", exclude={"name"})
        row = MovieProfile(name=given.name, rules=rules, created_at=now, updated_at=now)
        async with self._db.session() as session:
            session.add(row)
            await flush_unique(session, SAME_NAME)
            return (await _profiles_out(session, [row]))[0]

    async def update(self, profile_id: int, given: ProfilePatch) -> ProfileOut:
        changes = given.model_dump(mode="json", exclude_unset=True)
        async with self._db.session() as session:
            row = await require_row(session, MovieProfile, profile_id, NO_PROFILE, lock=True)
            row.name = changes.pop("name", None) or row.name
            row.rules = _merged(row.rules, changes)
            row.updated_at = self._clock()
            await flush_unique(session, SAME_NAME)
            return (await _profiles_out(session, [row]))[0]

    async def delete(self, profile_id: int) -> None:
        """`Conflict` while movies have it, and for the last one."""
        async with self._db.session() as session:
            row = await require_row(session, MovieProfile, profile_id, NO_PROFILE, lock=True)
            used = (await _movies_of(session, [profile_id])).get(profile_id, 0)
            if used:
                raise Conflict(f"{used} movies have this quality profile: give them another one first.")
            if (await session.exec(select(func.count()).select_from(MovieProfile))).one() == 1:
                raise Conflict("This is the last quality profile: movies need one.")
            await session.delete(row)


def _merged(stored: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The rules with the changes; a null takes the value back to the default."""
    kept = {name: value for name, value in {**stored, **changes}.items() if value is not None}
    try:
        return ProfileDocument.model_validate(kept).model_dump(mode="json")
    except ValidationError as wrong:
        reason = wrong.errors()[0]["msg"].removeprefix("Value error, ")
        raise Invalid(f"The profile would not be valid: {reason}.", field="body") from wrong


async def _movies_of(session: AsyncSession, profile_ids: Sequence[int]) -> dict[int, int]:
    query = select(Movie.quality_profile_id, func.count()).where(col(Movie.quality_profile_id).in_(profile_ids))
    return dict((await session.exec(query.group_by(col(Movie.quality_profile_id)))).all())


async def _profiles_out(session: AsyncSession, rows: Sequence[MovieProfile]) -> list[ProfileOut]:
    movies = await _movies_of(session, [row.id or 0 for row in rows])
    return [
        ProfileOut.model_validate({**row.model_dump(), **row.rules, "movies": movies.get(row.id or 0, 0)})
        for row in rows
    ]
