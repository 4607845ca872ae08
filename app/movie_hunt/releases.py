"""What the last search of a movie found, as a person reads it."""

from collections.abc import Mapping, Sequence

from sqlmodel import col, select

from app.core.db import Database
from app.movie_hunt.decisions.facts import Rejection
from app.movie_hunt.decisions.sentences import sentence
from app.movie_hunt.library import require_movie
from app.movie_hunt.models import MovieIndexer, MovieSearch, StoredRelease
from app.movie_hunt.release_facts import ReleaseFacts
from app.movie_hunt.schemas import MovieReleaseOut, MovieReleasesOut, MovieSearchOut, RejectionOut
from app.movie_hunt.verdicts import MovieCase, VerdictMaker


class MovieReleases:
    """Reads stored releases; the sentences are made from the rules that are in force now."""

    def __init__(self, db: Database, verdicts: VerdictMaker) -> None:
        self._db = db
        self._verdicts = verdicts

    async def list(self, movie_id: int) -> MovieReleasesOut:
        async with self._db.reading() as session:
            await require_movie(session, movie_id)
            last = select(MovieSearch).where(MovieSearch.movie_id == movie_id).order_by(col(MovieSearch.id).desc())
            search = (await session.exec(last.limit(1))).first()
            found = select(StoredRelease).where(StoredRelease.movie_id == movie_id).order_by(col(StoredRelease.rank))
            rows = (await session.exec(found)).all()
            names = dict((await session.exec(select(MovieIndexer.id, MovieIndexer.name))).all())
        case = await self._verdicts.case_of(movie_id)
        return MovieReleasesOut(
            search=None if search is None else MovieSearchOut.model_validate(search),
            releases=[] if case is None else _releases_out(rows, case, names),
        )


def _releases_out(
    rows: Sequence[StoredRelease], case: MovieCase, names: Mapping[int | None, str]
) -> list[MovieReleaseOut]:
    return [_release_out(row, case, names.get(row.indexer_id, "")) for row in rows]


def _release_out(row: StoredRelease, case: MovieCase, indexer: str) -> MovieReleaseOut:
    facts = ReleaseFacts.model_validate(row.facts)
    rejections = [
        RejectionOut(reason=reason, message=sentence(reason, facts.quality, facts.size, row.score, case))
        for reason in map(Rejection, row.rejections)
    ]
    return MovieReleaseOut.model_validate(
        {
            **facts.model_dump(),
            **row.model_dump(exclude={"link", "facts", "rejections"}),
            "indexer": indexer,
            "flags": list(facts.flags),
            "read_titles": list(facts.titles),
            "read_year": facts.year,
            "languages": list(facts.languages),
            "approved": not rejections,
            "rejections": rejections,
        }
    )
