"""A simulated TMDB, version 3 of its API."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from tests.simulator.exchange import Message, Receive, Scope, Send

KEY = "tmdb-key-0123456789abcdef01234567"


@dataclass
class SimMovie:
    """A movie that TMDB knows."""

    id: int
    title: str
    release_date: str = "2019-03-01"
    original_title: str | None = None
    original_language: str = "en"
    imdb_id: str | None = None
    runtime: int = 100
    alternative_titles: list[str] = field(default_factory=list)
    dates: list[tuple[int, str]] = field(default_factory=list)
    """Type and day: 3 cinema, 4 digital, 5 physical."""

    @property
    def row(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "title": self.title,
            "original_title": self.original_title or self.title,
            "original_language": self.original_language,
            "release_date": self.release_date,
            "overview": f"About {self.title}.",
            "poster_path": "/poster.jpg",
        }

    @property
    def details(self) -> dict[str, Any]:
        releases = [{"type": kind, "release_date": f"{day}T00:00:00.000Z"} for kind, day in self.dates]
        return {
            **self.row,
            "imdb_id": self.imdb_id,
            "runtime": self.runtime,
            "genres": [{"id": 18, "name": "Drama"}],
            "alternative_titles": {"titles": [{"iso_3166_1": "DE", "title": each} for each in self.alternative_titles]},
            "release_dates": {"results": [{"iso_3166_1": "US", "release_dates": releases}]},
        }


class TmdbSim:
    """Serve it with `tests.simulator.hosting.serve`; its API is at the root."""

    sends_date = False

    def __init__(self, *movies: SimMovie) -> None:
        self.movies = {each.id: each for each in movies}
        self.calls: list[str] = []
        self.fault: tuple[int, dict[str, str]] | None = None
        """Status and headers of every reply."""
        self.stopping = False

    def stop(self) -> None:
        self.stopping = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = {name: each[0] for name, each in parse_qs(scope["query_string"].decode()).items()}
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        self.calls.append(scope["path"])
        status, body, more = self._reply(scope["path"], query, headers)
        sent = [(b"content-type", b"application/json"), *((n.encode(), v.encode()) for n, v in more.items())]
        start: Message = {"type": "http.response.start", "status": status, "headers": sent}
        await send(start)
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})

    def _reply(
        self, path: str, query: dict[str, str], headers: dict[str, str]
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        if self.fault is not None:
            return self.fault[0], {"success": False, "status_code": 25}, self.fault[1]
        if query.get("api_key") != KEY and headers.get("authorization", "").count(".") != 2:
            return 401, {"success": False, "status_code": 7, "status_message": "Invalid API key."}, {}
        parts = path.strip("/").split("/")
        if parts == ["search", "movie"]:
            wanted = query["query"].lower()
            return 200, {"results": [m.row for m in self.movies.values() if wanted in m.title.lower()]}, {}
        if parts[0] == "find":
            return 200, {"movie_results": [m.row for m in self.movies.values() if m.imdb_id == parts[1]]}, {}
        movie = self.movies.get(int(parts[1])) if parts[0] == "movie" else None
        if movie is None:
            return 404, {"success": False, "status_code": 34}, {}
        return 200, movie.details, {}
