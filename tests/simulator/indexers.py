"""The indexers of a simulated app: a search counts those that take part in automatic searches."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tests.simulator.messages import Json


@dataclass(slots=True)
class Indexer:
    """One indexer; its fields may be changed at any time."""

    id: int
    name: str
    protocol: Literal["usenet", "torrent"]
    priority: int = 25
    enable_rss: bool = True
    enable_automatic_search: bool = True
    enable_interactive_search: bool = True
    is_blocked: bool = False
    """After failures; searches leave it out."""
    base_url: str | None = None
    """Of one behind Prowlarr: an address there."""
    ask: Callable[[int], bool] | None = None
    """Asks Prowlarr so many times; false when it refuses."""

    def as_json(self) -> Json:
        return {
            "enableRss": self.enable_rss,
            "enableAutomaticSearch": self.enable_automatic_search,
            "enableInteractiveSearch": self.enable_interactive_search,
            "supportsRss": True,
            "supportsSearch": True,
            "protocol": self.protocol,
            "priority": self.priority,
            "seasonSearchMaximumSingleEpisodeAge": 0,
            "downloadClientId": 0,
            "name": self.name,
            "fields": [] if self.base_url is None else [{"name": "baseUrl", "value": self.base_url, "type": "textbox"}],
            "implementationName": "Newznab",
            "implementation": "Newznab",
            "configContract": "NewznabSettings",
            "infoLink": "https://wiki.servarr.com/",
            "tags": [],
            "id": self.id,
        }


class Indexers:
    """As many as the settings say at the start; `add` and `remove` change that while the app runs."""

    def __init__(self, count: int) -> None:
        self.all: dict[int, Indexer] = {}
        self.told_by_health = True
        """False: the health of the app lags behind what its indexers do."""
        self._last_id = 0
        for _ in range(count):
            self.add()

    def add(self, name: str | None = None, **switches: Any) -> Indexer:
        """Add one with the fields of `Indexer`; ids are not reused."""
        self._last_id += 1
        number = self._last_id
        protocol = switches.pop("protocol", "usenet" if number % 2 else "torrent")
        self.all[number] = Indexer(number, name or f"Simulated {number}", protocol, **switches)
        return self.all[number]

    def remove(self, indexer_id: int) -> None:
        del self.all[indexer_id]

    def ask(self, queries: int) -> None:
        """Ask those behind a Prowlarr; the app blocks one that refuses for itself."""
        for indexer in self.all.values():
            if indexer.ask is not None and indexer.enable_automatic_search and not indexer.is_blocked:
                indexer.is_blocked = not indexer.ask(queries)

    @property
    def searching(self) -> int:
        """How many take part in a search by command."""
        return sum(indexer.enable_automatic_search and not indexer.is_blocked for indexer in self.all.values())
