"""The user's indexers."""

from typing import Annotated, Protocol

from pydantic import AfterValidator, Field, StringConstraints
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import Invalid
from app.core.fields import ShortName, one_line
from app.core.schemas import SECRET_MASK, In, Out, UtcTime, example, patch_of
from app.http.addresses import checked_url
from app.http.errors import HttpError
from app.indexers.models import MOVIE_CATEGORIES, Capabilities, IndexerConnection, IndexerKind
from app.movie_hunt.connections import indexer_connection
from app.movie_hunt.models import MovieIndexer, MovieIndexerState
from app.movie_hunt.rows import flush_unique, require_row
from app.secrets.box import DecryptFailed, SecretBox, masked

NO_INDEXER = "There is no indexer with this id."
SAME_NAME = "There is an indexer of this name already."

Url = Annotated[str, Field(max_length=500), AfterValidator(str.strip), AfterValidator(checked_url)]
Secret = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(one_line)
]
ApiPath = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^/[A-Za-z0-9._~/-]*$")]


class IndexerTester(Protocol):
    """Asks an indexer whether it works."""

    async def test(self, connection: IndexerConnection) -> Capabilities: ...


class IndexerIn(In):
    """A Newznab or Torznab feed. Those of Prowlarr and Jackett for one indexer each are such feeds."""

    model_config = example(
        {"name": "Nyx", "kind": "torznab", "url": "http://localhost:9696/1", "api_key": "the-key-of-the-indexer"}
    )

    name: ShortName = Field(examples=["Nyx"])
    kind: IndexerKind
    url: Url = Field(examples=["http://localhost:9696/1"], description="Without the path of the API.")
    api_path: ApiPath = Field("/api", description="What follows the URL.")
    api_key: Secret | None = Field(None, examples=[SECRET_MASK], description="Null for an indexer without keys.")
    categories: list[Annotated[int, Field(ge=1, le=999_999)]] = Field(
        default_factory=lambda: list(MOVIE_CATEGORIES), max_length=50, description="Empty asks for all."
    )
    priority: int = Field(25, ge=1, le=50, description="Of two equal releases that of the lower number wins.")
    min_seeders: int = Field(1, ge=0, le=100_000, description="Torrents with fewer seeders are not grabbed.")
    enabled: bool = True
    rss: bool = Field(True, description="Read its newest releases by the clock.")
    verify_tls: bool = Field(True, description="Check its certificate.")


@patch_of(IndexerIn)
class IndexerPatch(In):
    """Only what is in the body is changed. A new `url` needs the `api_key` with it."""

    model_config = example({"priority": 10})


class IndexerTestIn(IndexerIn):
    """An unsaved indexer."""

    model_config = example(
        {"name": "Nyx", "kind": "torznab", "url": "http://localhost:9696/1", "api_key": "the-key-of-the-indexer"}
    )


class MovieIndexerOut(Out):
    """An indexer, and how it answers."""

    id: int
    name: str
    kind: IndexerKind
    url: str
    api_path: str
    api_key: str | None = Field(examples=[SECRET_MASK])
    categories: list[int]
    priority: int
    min_seeders: int
    enabled: bool
    rss: bool
    verify_tls: bool
    error_code: str | None = Field(description="What is wrong with it, as a word.")
    error: str | None
    rest_until: UtcTime | None = Field(description="It is not asked before.")
    checked_at: UtcTime | None
    feed_at: UtcTime | None = Field(description="When its newest releases were read.")
    created_at: UtcTime
    updated_at: UtcTime


class ServerTestOut(Out):
    """What a test of an indexer or download client found."""

    ok: bool
    version: str | None = Field(None, description="The program's version, of download clients.")
    save_path: str | None = Field(None, description="Where the download client saves, as it sees it.")
    warning: str | None = None
    error_code: str | None = None
    error: str | None = Field(None, description="A sentence that says what to do.")


class MovieIndexerService:
    """Creates, changes, deletes and tests indexers."""

    def __init__(self, db: Database, box: SecretBox, tester: IndexerTester, clock: Clock) -> None:
        self._db = db
        self._box = box
        self._tester = tester
        self._clock = clock

    async def list(self) -> "list[MovieIndexerOut]":
        query = select(MovieIndexer, MovieIndexerState).join(MovieIndexerState).order_by(col(MovieIndexer.id))
        async with self._db.reading() as session:
            return [_indexer_out(row, state) for row, state in (await session.exec(query)).all()]

    async def get(self, indexer_id: int) -> MovieIndexerOut:
        async with self._db.reading() as session:
            return await _out(session, await require_row(session, MovieIndexer, indexer_id, NO_INDEXER))

    async def create(self, given: IndexerIn) -> MovieIndexerOut:
        now = self._clock()
        values = given.model_dump(mode="json")
        values["api_key"] = self._stored(_given_key(given.api_key))
        row = MovieIndexer(**values, created_at=now, updated_at=now)
        async with self._db.session() as session:
            session.add(row)
            await flush_unique(session, SAME_NAME)
            session.add(MovieIndexerState(indexer_id=row.id or 0))
            await session.flush()
            return await _out(session, row)

    async def update(self, indexer_id: int, given: IndexerPatch) -> MovieIndexerOut:
        changes = given.model_dump(mode="json", exclude_unset=True)
        async with self._db.session() as session:
            row = await require_row(session, MovieIndexer, indexer_id, NO_INDEXER, lock=True)
            keeps_key = changes.get("api_key", SECRET_MASK) == SECRET_MASK
            if keeps_key:
                changes.pop("api_key", None)
            moved = changes.get("url") not in (None, row.url) or changes.get("api_path") not in (None, row.api_path)
            if changes.get("url") not in (None, row.url) and keeps_key and row.api_key:
                raise Invalid("The url is new: give the api_key with it.", field="body.api_key")
            if not keeps_key:
                changes["api_key"] = self._stored(changes["api_key"])
                moved = True
            for name, value in changes.items():
                if value is not None:
                    setattr(row, name, value)
            row.updated_at = self._clock()
            await flush_unique(session, SAME_NAME)
            if moved:
                await _forget(session, indexer_id)
            return await _out(session, row)

    async def delete(self, indexer_id: int) -> None:
        """The history keeps its name."""
        async with self._db.session() as session:
            await session.delete(await require_row(session, MovieIndexer, indexer_id, NO_INDEXER, lock=True))

    async def test(self, given: IndexerTestIn) -> ServerTestOut:
        """Test an unsaved one; nothing is stored."""
        values = given.model_dump(mode="json")
        values["api_key"] = self._stored(_given_key(given.api_key))
        now = self._clock()
        return await self._tested(MovieIndexer(**values, created_at=now, updated_at=now))

    async def test_stored(self, indexer_id: int) -> ServerTestOut:
        """Test a stored one; a success ends its rest."""
        async with self._db.reading() as session:
            row = await require_row(session, MovieIndexer, indexer_id, NO_INDEXER)
        found = await self._tested(row)
        async with self._db.session() as session:
            state = await session.get(MovieIndexerState, indexer_id, with_for_update=True)
            if state is not None:
                state.error_code, state.error, state.checked_at = found.error_code, found.error, self._clock()
                if found.ok:
                    state.failures, state.rest_until = 0, None
        return found

    async def _tested(self, row: MovieIndexer) -> ServerTestOut:
        try:
            able = await self._tester.test(indexer_connection(row, self._box))
        except HttpError as failure:
            return ServerTestOut(ok=False, error_code=failure.code.value, error=failure.message)
        except DecryptFailed as failure:
            return ServerTestOut(ok=False, error_code="unauthorized", error=failure.message)
        warning = None if able.movie_search_params else "It has no search for movies: they are found by title only."
        return ServerTestOut(ok=True, warning=warning)

    def _stored(self, key: str | None) -> str:
        return self._box.encrypt(key) if key else ""


def _given_key(key: str | None) -> str | None:
    if key == SECRET_MASK:
        raise Invalid("Stars stand for a stored key, and there is none: give the key itself.", field="body.api_key")
    return key


async def _forget(session: AsyncSession, indexer_id: int) -> None:
    """What was observed at another address says nothing."""
    state = await session.get_one(MovieIndexerState, indexer_id, with_for_update=True)
    state.capabilities, state.capabilities_at, state.failures = None, None, 0
    state.rest_until, state.error, state.error_code = None, None, None


async def _out(session: AsyncSession, row: MovieIndexer) -> MovieIndexerOut:
    return _indexer_out(row, await session.get_one(MovieIndexerState, row.id))


def _indexer_out(row: MovieIndexer, state: MovieIndexerState) -> MovieIndexerOut:
    return MovieIndexerOut.model_validate({**state.model_dump(), **row.model_dump(), "api_key": masked(row.api_key)})
