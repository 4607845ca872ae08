"""The download clients of a simulated app: they go away and come back, and the app notices at its next refresh."""

from dataclasses import dataclass, field
from typing import Literal

from tests.simulator.clock import SimClock
from tests.simulator.messages import Json

ClientKind = Literal["Transmission", "QBittorrent", "Nzbget", "Sabnzbd"]
ClientState = Literal["up", "down", "disabled"]
_PORTS = {"Transmission": 9091, "QBittorrent": 8080, "Nzbget": 6789, "Sabnzbd": 8081}
_POLL_SECONDS, _HEALTH_LAG_SECONDS, _STATUS_LAG_SECONDS = 60.0, 20.0, 360.0


@dataclass(slots=True)
class DownloadClient:
    """One download client; `changes` are its states and since when, in epoch seconds."""

    id: int
    name: str
    kind: ClientKind
    changes: list[tuple[float, ClientState]] = field(default_factory=list)

    def state_at(self, moment: float) -> ClientState:
        return next((state for since, state in reversed(self.changes) if since <= moment), "up")

    @property
    def refusal(self) -> str:
        return f"Unable to communicate with {self.name}. Connection refused (127.0.0.1:{_PORTS[self.kind]})"

    def as_json(self, moment: float) -> Json:
        usenet = self.kind in ("Nzbget", "Sabnzbd")
        return {
            "enable": self.state_at(moment) != "disabled",
            "protocol": "usenet" if usenet else "torrent",
            "priority": 1,
            "removeCompletedDownloads": True,
            "removeFailedDownloads": True,
            "name": self.name,
            "fields": [],
            "implementationName": self.kind,
            "implementation": self.kind,
            "configContract": f"{self.kind}Settings",
            "tags": [],
            "id": self.id,
        }


class DownloadClients:
    """By name; a client that nobody added is always up."""

    def __init__(self, clock: SimClock) -> None:
        self._clock = clock
        self.all: dict[str, DownloadClient] = {}
        self.add("qBittorrent", "QBittorrent")
        self.add("SABnzbd", "Sabnzbd")

    def add(self, name: str, kind: ClientKind) -> DownloadClient:
        self.all[name] = DownloadClient(len(self.all) + 1, name, kind)
        return self.all[name]

    def set(self, name: str, state: ClientState) -> None:
        """Let a client go away, come back or be disabled, from now on."""
        self.all[name].changes.append((self._clock.timestamp(), state))

    def state_at(self, name: str, moment: float) -> ClientState:
        known = self.all.get(name)
        return "up" if known is None else known.state_at(moment)

    def problems(self, polled_at: float, now: float) -> list[Json]:
        """What health says: late, and of the first client that is away only."""
        away = [each for each in self.all.values() if self._is_away(each, polled_at, now)]
        found: list[Json] = []
        if away:
            found.append({"source": "DownloadClientCheck", "type": "error", "message": away[0].refusal})
        long = [each for each in away if now - each.changes[-1][0] >= _STATUS_LAG_SECONDS]
        if long:
            names = ", ".join(each.name for each in long)
            text = f"Download clients unavailable due to failures: {names}"
            found.append({"source": "DownloadClientStatusCheck", "type": "warning", "message": text})
        return found

    def _is_away(self, client: DownloadClient, polled_at: float, now: float) -> bool:
        """The check runs some seconds after the refresh that found the client away, or back."""
        checked = now - polled_at >= _HEALTH_LAG_SECONDS
        return client.state_at(polled_at if checked else polled_at - _POLL_SECONDS) == "down"
