"""Asks TMDB's API, version 3, for movies (https://developer.themoviedb.org/reference)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from app.core.clock import Clock
from app.core.errors import NotFound
from app.core.lines import on_one_line
from app.http.bodies import Json, parse_json
from app.http.client import HttpClient
from app.http.clients import read_retry_after
from app.http.errors import BadBody, HttpError, HttpErrorCode
from app.http.messages import Endpoint, HttpReply, HttpRequest, Param
from app.tmdb.models import MovieMetadata

T = TypeVar("T")

IMAGES = "https://image.tmdb.org/t/p/w500"
MAX_TITLE_LENGTH = 300
MAX_OVERVIEW_LENGTH = 5000
MAX_TITLES = 200
MAX_BODY_BYTES = 5 * 1024 * 1024
MIN_TOKEN_LENGTH = 60
"""A v4 read token is a JWT and longer than this, a v3 key has 32 characters."""
MAX_RETRY_AFTER = timedelta(minutes=10)
CINEMA, DIGITAL, PHYSICAL = (2, 3), (4,), (5,)
NO_MOVIE = "TMDB has no movie with this number."


class TmdbFailed(HttpError):
    """A failed request to TMDB."""


class _Reading(BaseModel):
    model_config = ConfigDict(extra="ignore")


def _line(value: Any) -> Any:
    return on_one_line(value)[:MAX_TITLE_LENGTH] if isinstance(value, str) else ""


Line = Annotated[str, BeforeValidator(_line)]


class _Found(_Reading):
    """A movie in a list, and what details have besides."""

    id: Annotated[int, Field(ge=1, le=2**31 - 1)]
    title: Line = ""
    original_title: Line = ""
    original_language: Line = ""
    release_date: str | None = ""
    overview: str | None = ""
    poster_path: str | None = None


class _Title(_Reading):
    title: Line = ""


class _Titles(_Reading):
    titles: list[_Title] = Field(default_factory=list)


class _Release(_Reading):
    type: int = 0
    release_date: str | None = ""


class _Country(_Reading):
    release_dates: list[_Release] = Field(default_factory=list)


class _Dates(_Reading):
    results: list[_Country] = Field(default_factory=list)


class _Genre(_Reading):
    name: Line = ""


class _Details(_Found):
    imdb_id: str | None = None
    runtime: int | None = None
    genres: list[_Genre] = Field(default_factory=list)
    alternative_titles: _Titles = Field(default_factory=_Titles)
    release_dates: _Dates = Field(default_factory=_Dates)


class _Page(_Reading):
    results: list[_Found] = Field(default_factory=list)


class _FoundById(_Reading):
    movie_results: list[_Found] = Field(default_factory=list)


class TmdbClient:
    """`base_url` is TMDB's API or a mirror of it. Every method raises `HttpError`."""

    def __init__(self, http: HttpClient, base_url: str, clock: Clock) -> None:
        self._http = http
        self._base_url = base_url
        self._clock = clock

    async def search(self, api_key: str, query: str, year: int | None = None) -> Sequence[MovieMetadata]:
        """Movies by title, the likeliest first, at most 20."""
        params: dict[str, Param] = {"query": query, "include_adult": "false"}
        if year is not None:
            params["year"] = year
        page = await self._get(api_key, "/search/movie", params, _Page)
        return [_metadata(each) for each in page.results]

    async def get(self, api_key: str, tmdb_id: int) -> MovieMetadata:
        """`NotFound` when there is no such movie."""
        params: dict[str, Param] = {"append_to_response": "release_dates,alternative_titles"}
        return _details(await self._get(api_key, f"/movie/{tmdb_id}", params, _Details))

    async def find(self, api_key: str, imdb_id: str) -> Sequence[MovieMetadata]:
        """Movies by their IMDb number, with its `tt`."""
        found = await self._get(api_key, f"/find/{imdb_id}", {"external_source": "imdb_id"}, _FoundById)
        return [_metadata(each) for each in found.movie_results]

    async def _get(self, api_key: str, path: str, params: dict[str, Param], model: Callable[..., T]) -> T:
        is_token = len(api_key) >= MIN_TOKEN_LENGTH and "." in api_key
        headers = {"Authorization": f"Bearer {api_key}"} if is_token else {}
        if not is_token:
            params = {**params, "api_key": api_key}
        if not (api_key.isascii() and api_key.isprintable()):
            raise _failed(HttpErrorCode.UNAUTHORIZED, "The key of TMDB holds characters that no key has.")
        endpoint = Endpoint(self._base_url, headers, timeout_seconds=15, noun="TMDB")
        request = HttpRequest("GET", path, params, max_body_bytes=MAX_BODY_BYTES)

        def read(reply: HttpReply) -> T:
            return self._read(reply, model)

        return await self._http.request(endpoint, request, read)

    def _read(self, reply: HttpReply, model: Callable[..., T]) -> T:
        if reply.status == 404:
            raise NotFound(NO_MOVIE)
        if reply.status in (401, 403):
            sentence = "TMDB refuses the key: check tmdb_api_key in the general settings."
            raise _failed(HttpErrorCode.UNAUTHORIZED, sentence, status=reply.status)
        if reply.status == 429:
            wait = read_retry_after(reply.headers.get("retry-after"), self._clock(), longest=MAX_RETRY_AFTER)
            sentence = "TMDB is asked too often: try again in a moment."
            raise _failed(HttpErrorCode.RATE_LIMITED, sentence, status=429, retry_after=wait)
        if reply.status >= 500:
            sentence = f"TMDB does not work now (status {reply.status}): try again later."
            raise _failed(HttpErrorCode.SERVER_ERROR, sentence, status=reply.status, transient=True)
        if reply.status != 200 or reply.body is None:
            raise _failed(HttpErrorCode.BAD_RESPONSE, "What answers is not TMDB's API.", status=reply.status)
        parsed: Json = parse_json(reply.body)
        if not isinstance(parsed, dict):
            raise BadBody("TMDB answers with something else than a movie.")
        try:
            return model(**parsed)
        except ValidationError as odd:
            raise BadBody("TMDB answers with something else than a movie.") from odd


def _failed(
    code: StrEnum,
    message: str,
    *,
    status: int | None = None,
    retry_after: timedelta | None = None,
    transient: bool = False,
) -> HttpError:
    return TmdbFailed(
        code, message, may_have_reached=True, http_status=status, retry_after=retry_after, transient=transient
    )


def _metadata(found: _Found) -> MovieMetadata:
    released = _date(found.release_date)
    return MovieMetadata(
        tmdb_id=found.id,
        title=found.title or found.original_title or f"TMDB {found.id}",
        original_title=found.original_title or found.title or f"TMDB {found.id}",
        original_language=found.original_language.lower()[:20],
        year=None if released is None else released.year,
        overview=(found.overview or "").replace("\0", "")[:MAX_OVERVIEW_LENGTH],
        poster_url=_poster(found.poster_path),
    )


def _details(found: _Details) -> MovieMetadata:
    titles = dict.fromkeys(each.title for each in found.alternative_titles.titles if each.title)
    return replace(
        _metadata(found),
        imdb_id=_imdb(found.imdb_id),
        alternative_titles=list(titles)[:MAX_TITLES],
        runtime_minutes=found.runtime if found.runtime and 0 < found.runtime < 10_000 else None,
        genres=[each.name for each in found.genres if each.name][:50],
        in_cinemas_on=_first(found.release_dates, CINEMA) or _date(found.release_date),
        digital_on=_first(found.release_dates, DIGITAL),
        physical_on=_first(found.release_dates, PHYSICAL),
    )


def _first(dates: _Dates, types: Sequence[int]) -> date | None:
    """The earliest date of these types in any country."""
    return min(_days(dates, types), default=None)


def _days(dates: _Dates, types: Sequence[int]) -> Iterator[date]:
    for country in dates.results:
        for release in country.release_dates:
            day = _date(release.release_date)
            if release.type in types and day is not None:
                yield day


def _date(text: str | None) -> date | None:
    """The day; TMDB writes an empty text for a date that is not known."""
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError:
        return None


def _imdb(text: str | None) -> str | None:
    digits = (text or "").removeprefix("tt")
    return text if text and text.startswith("tt") and digits.isascii() and digits.isdigit() and len(text) < 20 else None


def _poster(path: str | None) -> str | None:
    """Only a plain file name of TMDB's becomes part of an address."""
    name = (path or "").removeprefix("/")
    return f"{IMAGES}/{name}" if name and name.replace(".", "").replace("_", "").isalnum() and len(name) < 100 else None
