"""Movie Hunt: the library, searches, releases, the queue, the blocklist and the history."""

from typing import Annotated

from fastapi import Query

from app.api.deps import MAX_ID, Paging, RowId
from app.api.policy import Access, RoutePolicy
from app.api.refusals import (
    BUSY_MOVIE,
    MOVIE_THERE,
    NO_BLOCKLIST_ENTRY,
    NO_MOVIE,
    NO_MOVIES,
    NO_QUEUE_ENTRY,
    NO_RELEASE,
    NO_TMDB_KEY,
    NOT_WAITING,
    TMDB_FAILED,
    errors,
)
from app.api.routing import ApiRouter
from app.api.services import (
    MovieGrabs,
    MovieHistories,
    MovieHuntSettingsPart,
    Movies,
    MoviesMetadata,
    ReleasesOfMovies,
    SearchesOfMovies,
)
from app.api.tags import Tag
from app.core.schemas import MessageReply, Page, Reply
from app.movie_hunt.history import MovieHistoryFilter
from app.movie_hunt.library import MovieFilter, MovieSort
from app.movie_hunt.models import MovieEvent
from app.movie_hunt.schemas import (
    BlocklistOut,
    GrabIn,
    GrabOut,
    MovieHistoryOut,
    MovieIn,
    MovieLookupOut,
    MovieOut,
    MoviePatch,
    MovieReleasesOut,
    MovieSearchIn,
    MovieSearchOut,
    QueuedSearchesOut,
)
from app.movie_hunt.settings import MovieHuntSettings, MovieHuntSettingsIn
from app.movie_hunt.status import MovieStatus

router = ApiRouter(tag=Tag.MOVIE_HUNT, prefix="/api/movie-hunt")

TmdbId = Annotated[int | None, Query(ge=1, le=MAX_ID, description="The movie's number at TMDB.")]
ImdbId = Annotated[str | None, Query(pattern=r"^tt[0-9]{7,10}$", description="The movie's number at IMDb.")]
SearchText = Annotated[str | None, Query(min_length=1, max_length=200, description="Part of the title.")]
MovieNumber = Annotated[int | None, Query(ge=1, le=MAX_ID, description="Only of this movie.")]


@router.get("/settings", summary="Settings of Movie Hunt")
@RoutePolicy(Access.FULL)
async def get_movie_hunt_settings(settings: MovieHuntSettingsPart) -> Reply[MovieHuntSettings]:
    return Reply[MovieHuntSettings](data=await settings.read())


@router.post("/settings", summary="Change settings of Movie Hunt")
@RoutePolicy(Access.FULL)
async def update_movie_hunt_settings(
    body: MovieHuntSettingsIn, settings: MovieHuntSettingsPart
) -> Reply[MovieHuntSettings]:
    return Reply[MovieHuntSettings](data=await settings.update(body), message="Settings saved")


@router.get("/lookup", summary="Movies at TMDB", responses=errors(NO_TMDB_KEY, TMDB_FAILED))
@RoutePolicy(Access.FULL)
async def lookup_movies(
    metadata: MoviesMetadata,
    query: Annotated[str | None, Query(min_length=1, max_length=200, description="A title.")] = None,
    tmdb_id: TmdbId = None,
    imdb_id: ImdbId = None,
) -> Reply[list[MovieLookupOut]]:
    """Give exactly one of `query`, `tmdb_id` and `imdb_id`. TMDB is asked with your own key."""
    found = await metadata.lookup(query=query, tmdb_id=tmdb_id, imdb_id=imdb_id)
    return Reply[list[MovieLookupOut]](data=found)


@router.get("/movies", summary="Movies")
@RoutePolicy(Access.READ)
async def list_movies(
    movies: Movies,
    paging: Paging,
    status: Annotated[MovieStatus | None, Query(description="Only movies of this status.")] = None,
    search: SearchText = None,
    monitored: Annotated[bool | None, Query(description="Only monitored movies, or only others.")] = None,
    sort: Annotated[MovieSort, Query(description="The order; of times and years the newest first.")] = MovieSort.TITLE,
) -> Reply[Page[MovieOut]]:
    found = await movies.page(
        MovieFilter(status, search, monitored, sort), page=paging.page, page_size=paging.page_size
    )
    return Reply[Page[MovieOut]](data=found)


@router.post("/movies", status_code=201, summary="Add movie", responses=errors(MOVIE_THERE, NO_TMDB_KEY, TMDB_FAILED))
@RoutePolicy(Access.FULL)
async def add_movie(body: MovieIn, movies: Movies, searches: SearchesOfMovies) -> Reply[MovieOut]:
    """By `tmdb_id`, or by `title` and `year` without asking TMDB."""
    movie = await movies.add(body)
    if body.search_now:
        await searches.request(MovieSearchIn(movie_ids=[movie.id]))
    return Reply[MovieOut](data=movie, message="Movie added")


@router.get("/movies/{movie_id}", summary="Movie", responses=errors(NO_MOVIE))
@RoutePolicy(Access.READ)
async def get_movie(movie_id: RowId, movies: Movies) -> Reply[MovieOut]:
    return Reply[MovieOut](data=await movies.get(movie_id))


@router.patch("/movies/{movie_id}", summary="Change movie", responses=errors(NO_MOVIE))
@RoutePolicy(Access.FULL)
async def update_movie(movie_id: RowId, body: MoviePatch, movies: Movies) -> Reply[MovieOut]:
    """Changes only what is in the body. A new root folder is for the next import: files are not moved."""
    return Reply[MovieOut](data=await movies.update(movie_id, body), message="Movie saved")


@router.delete("/movies/{movie_id}", summary="Delete movie", responses=errors(NO_MOVIE))
@RoutePolicy(Access.FULL)
async def delete_movie(
    movie_id: RowId,
    movies: Movies,
    delete_files: Annotated[bool, Query(description="Delete its file too.")] = False,
) -> MessageReply:
    """Takes it out of the library. A download that is under way stays in its client."""
    await movies.delete(movie_id, delete_files=delete_files)
    return MessageReply(message="Movie deleted")


@router.get("/movies/{movie_id}/releases", summary="Releases of a movie", responses=errors(NO_MOVIE))
@RoutePolicy(Access.READ)
async def list_movie_releases(movie_id: RowId, releases: ReleasesOfMovies) -> Reply[MovieReleasesOut]:
    """What the last search found: how each name was read, its score, and why it is not grabbed."""
    return Reply[MovieReleasesOut](data=await releases.list(movie_id))


@router.post("/movies/{movie_id}/releases", status_code=202, summary="Look for releases", responses=errors(NO_MOVIE))
@RoutePolicy(Access.FULL)
async def search_movie_releases(movie_id: RowId, searches: SearchesOfMovies) -> Reply[MovieSearchOut]:
    """Queues a search that grabs nothing: `GET` of the same path lists what it found."""
    return Reply[MovieSearchOut](data=await searches.list_releases(movie_id), message="Search queued")


@router.post(
    "/movies/{movie_id}/grab", status_code=201, summary="Grab release", responses=errors(NO_RELEASE, BUSY_MOVIE)
)
@RoutePolicy(Access.FULL)
async def grab_movie_release(movie_id: RowId, body: GrabIn, grabs: MovieGrabs) -> Reply[GrabOut]:
    """Hands a release of the last search to a download client, also one that was rejected."""
    return Reply[GrabOut](data=await grabs.grab(movie_id, body.release_id), message="Release grabbed")


@router.post("/search", status_code=202, summary="Search movies", responses=errors(NO_MOVIES))
@RoutePolicy(Access.FULL)
async def search_movies(body: MovieSearchIn, searches: SearchesOfMovies) -> Reply[QueuedSearchesOut]:
    """One search for each movie, which grabs the best release. Those of all missing movies wait for their turn."""
    found = await searches.request(body)
    return Reply[QueuedSearchesOut](data=found, message=f"{found.queued} searches queued")


@router.get("/queue", summary="Downloads of movies")
@RoutePolicy(Access.READ)
async def list_movie_queue(grabs: MovieGrabs, paging: Paging) -> Reply[Page[GrabOut]]:
    """What was grabbed and is not imported yet, the newest first."""
    return Reply[Page[GrabOut]](data=await grabs.page(page=paging.page, page_size=paging.page_size))


@router.post("/queue/{grab_id}/import", summary="Import again", responses=errors(NO_QUEUE_ENTRY, NOT_WAITING))
@RoutePolicy(Access.FULL)
async def import_movie_download(grab_id: RowId, grabs: MovieGrabs) -> MessageReply:
    """Imports a download that waits for a person, after its cause was put right."""
    await grabs.import_again(grab_id)
    return MessageReply(message="Import queued")


@router.delete("/queue/{grab_id}", summary="Remove download", responses=errors(NO_QUEUE_ENTRY))
@RoutePolicy(Access.FULL)
async def remove_movie_download(
    grab_id: RowId,
    grabs: MovieGrabs,
    delete_files: Annotated[bool, Query(description="The client deletes what was downloaded too.")] = True,
    blocklist: Annotated[bool, Query(description="The release is not grabbed again.")] = False,
) -> MessageReply:
    """Removes it from its download client and from the queue."""
    await grabs.remove(grab_id, delete_files=delete_files, blocklist=blocklist)
    return MessageReply(message="Download removed")


@router.get("/history", summary="History of movies")
@RoutePolicy(Access.READ)
async def list_movie_history(
    history: MovieHistories,
    paging: Paging,
    movie_id: MovieNumber = None,
    tmdb_id: TmdbId = None,
    event: Annotated[MovieEvent | None, Query(description="Only of this kind.")] = None,
) -> Reply[Page[MovieHistoryOut]]:
    """The newest first."""
    wanted = MovieHistoryFilter(movie_id, tmdb_id, event)
    return Reply[Page[MovieHistoryOut]](data=await history.page(wanted, page=paging.page, page_size=paging.page_size))


@router.get("/blocklist", summary="Blocklist")
@RoutePolicy(Access.READ)
async def list_movie_blocklist(grabs: MovieGrabs, paging: Paging) -> Reply[Page[BlocklistOut]]:
    """Releases that failed and are not grabbed again, the newest first."""
    return Reply[Page[BlocklistOut]](data=await grabs.blocklist(page=paging.page, page_size=paging.page_size))


@router.delete("/blocklist/{entry_id}", summary="Unblock release", responses=errors(NO_BLOCKLIST_ENTRY))
@RoutePolicy(Access.FULL)
async def delete_movie_blocklist_entry(entry_id: RowId, grabs: MovieGrabs) -> MessageReply:
    await grabs.unblock(entry_id)
    return MessageReply(message="Entry deleted")
