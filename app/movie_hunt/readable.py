"""Readers of Movie Hunt's rows: a backup whose rows they cannot read is not restored."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlmodel import SQLModel

from app.downloads.models import ClientKind
from app.indexers.models import IndexerKind, Protocol
from app.movie_hunt.clients import PathMapping
from app.movie_hunt.importing.placing import ImportPlan
from app.movie_hunt.indexer_calls import capabilities_of
from app.movie_hunt.models import (
    BlocklistEntry,
    Grab,
    GrabState,
    MinimumAvailability,
    Movie,
    MovieDownloadClient,
    MovieFile,
    MovieHistory,
    MovieIndexer,
    MovieIndexerState,
    MovieProfile,
    MovieSearch,
)
from app.movie_hunt.profiles import ProfileDocument
from app.movie_hunt.release_facts import ReleaseFacts
from app.movie_hunt.schemas import MovieHistoryOut, MovieSearchOut
from app.releases.models import Quality


def _indexer(row: MovieIndexer) -> None:
    IndexerKind(row.kind)
    _numbers(row.categories)


def _indexer_state(row: MovieIndexerState) -> None:
    _texts(row.feed_guids)
    if row.capabilities is not None:
        capabilities_of(row.capabilities)


def _client(row: MovieDownloadClient) -> None:
    ClientKind(row.kind)
    for each in row.path_mappings:
        PathMapping.model_validate(each)


def _movie(row: Movie) -> None:
    MinimumAvailability(row.minimum_availability)
    for texts in (row.alternative_titles, row.genres, row.tags):
        _texts(texts)


def _file(row: MovieFile) -> None:
    Quality(row.quality)
    _texts(row.languages)


def _grab(row: Grab) -> None:
    GrabState(row.state)
    Protocol(row.protocol)
    ReleaseFacts.model_validate(row.facts)
    if row.journal is not None:
        ImportPlan.of(row.journal)


def _texts(values: list[Any]) -> None:
    if not all(isinstance(each, str) for each in values):
        raise TypeError("not a list of texts")


def _numbers(values: list[Any]) -> None:
    if not all(isinstance(each, int) for each in values):
        raise TypeError("not a list of numbers")


MOVIE_READERS: Final[Mapping[type[SQLModel], Callable[[Any], object]]] = {
    MovieProfile: lambda row: ProfileDocument.model_validate(row.rules),
    MovieIndexer: _indexer,
    MovieIndexerState: _indexer_state,
    MovieDownloadClient: _client,
    Movie: _movie,
    MovieFile: _file,
    MovieSearch: MovieSearchOut.model_validate,
    Grab: _grab,
    MovieHistory: MovieHistoryOut.model_validate,
    BlocklistEntry: lambda row: Protocol(row.protocol),
}
