"""The services of Movie Hunt, built on what the process owns."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from app import __version__
from app.downloads.making import make_client
from app.http.client import HttpClient
from app.indexers.client import IndexerClient
from app.infra import Infra
from app.movie_hunt.client_words import DownloadClientReader
from app.movie_hunt.clients import DownloadClientService
from app.movie_hunt.connections import ClientPool
from app.movie_hunt.downloads import MovieQueue
from app.movie_hunt.feeds import FeedReader
from app.movie_hunt.grabbing import GrabServices, MovieGrabber
from app.movie_hunt.history import MovieHistoryService
from app.movie_hunt.importer import MovieImporter
from app.movie_hunt.indexer_calls import IndexerCalls
from app.movie_hunt.indexers import MovieIndexerService
from app.movie_hunt.library import MovieLibrary
from app.movie_hunt.metadata import MovieMetadataService
from app.movie_hunt.profiles import ProfileService
from app.movie_hunt.releases import MovieReleases
from app.movie_hunt.root_folders import RootFolderService
from app.movie_hunt.searcher import MovieSearcher, SearchServices
from app.movie_hunt.searches import MovieSearches
from app.movie_hunt.settings import MovieHuntSettingsService
from app.movie_hunt.tracking import DownloadTracker
from app.movie_hunt.verdicts import VerdictMaker
from app.settings.service import SettingsService
from app.tmdb.client import TmdbClient

Sleep: TypeAlias = Callable[[float], Awaitable[object]]
Timer: TypeAlias = Callable[[], float]


@dataclass(frozen=True, slots=True)
class MovieHuntServices:
    http: HttpClient
    """For indexers, download clients and TMDB; closed with the container."""
    settings: MovieHuntSettingsService
    profiles: ProfileService
    indexers: MovieIndexerService
    clients: DownloadClientService
    root_folders: RootFolderService
    metadata: MovieMetadataService
    library: MovieLibrary
    searches: MovieSearches
    releases: MovieReleases
    queue: MovieQueue
    history: MovieHistoryService
    searcher: MovieSearcher
    tracker: DownloadTracker
    importer: MovieImporter
    feeds: FeedReader
    known_clients: DownloadClientReader

    @classmethod
    def build(cls, infra: Infra, general: SettingsService, sleep: Sleep, timer: Timer) -> "MovieHuntServices":
        """`sleep` and `timer` space the calls to one indexer."""
        db, box, clock = infra.db, infra.box, infra.clock
        http = HttpClient({"User-Agent": f"Huntarr/{__version__}"})
        asking = IndexerClient(http, clock, sleep=sleep, timer=timer)
        make = partial(make_client, http)
        settings = MovieHuntSettingsService(db, general)
        metadata = MovieMetadataService(db, TmdbClient(http, infra.config.tmdb_url, clock), general, clock)
        calls, pool = IndexerCalls(db, asking, box, clock), ClientPool(make, box)
        verdicts = VerdictMaker(db, settings, clock)
        grabber = MovieGrabber(db, GrabServices(calls, pool, box), clock)
        searches = MovieSearches(db, infra.queue, settings, clock)
        finding = SearchServices(calls, verdicts, grabber, settings, box)
        return cls(
            http=http,
            settings=settings,
            profiles=ProfileService(db, clock),
            indexers=MovieIndexerService(db, box, asking, clock),
            clients=DownloadClientService(db, box, make, clock),
            root_folders=RootFolderService(db, infra.config.data_dir, clock),
            metadata=metadata,
            library=MovieLibrary(db, metadata, clock),
            searches=searches,
            releases=MovieReleases(db, verdicts),
            queue=MovieQueue(db, infra.queue, pool, grabber, clock),
            history=MovieHistoryService(db, clock),
            searcher=MovieSearcher(db, finding, clock),
            tracker=DownloadTracker(db, infra.queue, pool, grabber, clock),
            importer=MovieImporter(db, pool, settings, clock),
            feeds=FeedReader(db, finding, clock),
            known_clients=DownloadClientReader(db, pool),
        )
