"""Simulated torrent clients for what the real ones do not do when asked: bans, rotating sessions, missing plugins."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tests.simulator.exchange import Receive, Scope, Send

Json = dict[str, Any]


@dataclass(frozen=True)
class SimRequest:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        """Fields of a plain form, or of one with a file, whose content is left out."""
        if b"form-data" not in self.body:
            return dict(parse_qsl(self.body.decode(), keep_blank_values=True))
        boundary = self.body.partition(b"\r\n")[0]
        parts = [part.partition(b"\r\n\r\n") for part in self.body.split(boundary)[1:-1]]
        return {
            head.decode().split('name="')[1].partition('"')[0]: value.removesuffix(b"\r\n").decode(errors="replace")
            for head, _, value in parts
        }

    @property
    def json(self) -> Json:
        found: Json = json.loads(self.body)
        return found


@dataclass(frozen=True)
class SimReply:
    body: bytes | str | list[Any] | Json = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        if isinstance(self.body, bytes | str):
            return self.body if isinstance(self.body, bytes) else self.body.encode()
        return json.dumps(self.body).encode()


class TorrentSim:
    """An ASGI app that answers with `respond` and keeps the requests. `fault` comes before anything else."""

    stopping = False
    sends_date = False

    def __init__(self) -> None:
        self.requests: list[SimRequest] = []
        self.fault: Callable[[SimRequest], SimReply | None] = lambda _request: None

    def stop(self) -> None:
        """No reply is slow."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        query = dict(parse_qsl(scope["query_string"].decode()))
        request = SimRequest(scope["method"], scope["path"], query, headers, body)
        self.requests.append(request)
        reply = self.fault(request) or self.respond(request)
        kind = "text/plain" if isinstance(reply.body, bytes | str) else "application/json"
        named = {"content-type": kind, **reply.headers}
        pairs = [(name.encode(), value.encode()) for name, value in named.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": pairs})
        await send({"type": "http.response.body", "body": reply.content})

    def respond(self, request: SimRequest) -> SimReply:
        raise KeyError(request.path)

    def asked(self, ending: str) -> list[SimRequest]:
        """The requests whose path, or whose method of RPC, ends so."""
        return [request for request in self.requests if request.path.endswith(ending)]


class QbittorrentSim(TorrentSim):
    """`appears` is listed after the torrent was added and the list was asked for `hidden_looks` times since."""

    def __init__(self, torrents: Sequence[Json] = ()) -> None:
        super().__init__()
        self.torrents = list(torrents)
        self.preferences: Json = {"save_path": "/downloads", "dht": True}
        self.categories: Json = {"huntarr": {"name": "huntarr", "savePath": ""}}
        self.accepts_categories = True
        self.login = SimReply("Ok.")
        self.cookie_name = "SID"
        self.sessions: list[str] = []
        self.add = SimReply("Ok.")
        self.appears: Json | None = None
        self.hidden_looks = 0

    def respond(self, request: SimRequest) -> SimReply:
        if request.path == "/api/v2/auth/login":
            return self._log_in()
        if request.headers.get("cookie", "") not in self.sessions:
            return SimReply("Forbidden", 403)
        replies: dict[str, Callable[[SimRequest], SimReply]] = {
            "/api/v2/app/version": lambda _: SimReply("v5.1.2"),
            "/api/v2/app/preferences": lambda _: SimReply(self.preferences),
            "/api/v2/torrents/categories": lambda _: SimReply(self.categories),
            "/api/v2/torrents/createCategory": self._create_category,
            "/api/v2/torrents/setCategory": self._set_category,
            "/api/v2/torrents/info": self._list,
            "/api/v2/torrents/add": lambda _: self.add,
        }
        return replies[request.path](request)

    def _log_in(self) -> SimReply:
        if self.login.content not in (b"Ok.", b"") or self.login.status >= 300:
            return self.login
        session = f"{self.cookie_name}=session-{len(self.requests)}"
        self.sessions.append(session)
        return SimReply(self.login.body, self.login.status, {"set-cookie": f"{session}; HttpOnly; path=/"})

    def _create_category(self, request: SimRequest) -> SimReply:
        if not self.accepts_categories:
            return SimReply("Incorrect category name", 409)
        self.categories[request.form["category"]] = {"savePath": ""}
        return SimReply()

    def _set_category(self, request: SimRequest) -> SimReply:
        for torrent in self.torrents:
            if torrent["hash"] == request.form["hashes"]:
                torrent["category"] = request.form["category"]
        return SimReply()

    def _list(self, request: SimRequest) -> SimReply:
        if self.appears is not None and self.asked("/torrents/add"):
            if self.hidden_looks == 0:
                self.torrents.append(self.appears)
                self.appears = None
            self.hidden_looks -= 1
        wanted = request.query.get("category")
        return SimReply([each for each in self.torrents if wanted in (None, each.get("category"))])


class TransmissionSim(TorrentSim):
    """Its session id changes after every `requests_of_a_session` requests."""

    def __init__(self, torrents: Sequence[Json] = ()) -> None:
        super().__init__()
        self.torrents = list(torrents)
        self.settings: Json = {"version": "4.0.6 (38c164933e)", "rpc-version": 17, "download-dir": "/downloads"}
        self.add: Json = {}
        self.requests_of_a_session = 1000
        self._session, self._left = 0, 0

    def respond(self, request: SimRequest) -> SimReply:
        if request.path != "/transmission/rpc":
            return SimReply("", 404)
        given = request.headers.get("x-transmission-session-id")
        if self._left == 0 or given != f"session-{self._session}":
            self._session, self._left = self._session + 1, self.requests_of_a_session
            return SimReply("", 409, {"x-transmission-session-id": f"session-{self._session}"})
        self._left -= 1
        asked = request.json
        found: Json = {}
        if asked["method"] == "session-get":
            found = self.settings
        elif asked["method"] == "torrent-get":
            ids = asked["arguments"].get("ids")
            found = {"torrents": [each for each in self.torrents if ids is None or each["hashString"] in ids]}
        elif asked["method"] == "torrent-add":
            found = self.add
        return SimReply({"result": "success", "arguments": found})

    def calls(self, method: str) -> list[Json]:
        """The arguments of the calls, once each, although the session changed."""
        found = [request.json for request in self.requests]
        arguments = [each["arguments"] for each in found if each["method"] == method]
        return [each for at, each in enumerate(arguments) if each not in arguments[:at]]


class DelugeSim(TorrentSim):
    """The web interface, and the daemon behind it while `connected`. `hosts`: whether each daemon can be reached."""

    def __init__(self, torrents: Mapping[str, Json] | None = None) -> None:
        super().__init__()
        self.torrents = dict(torrents or {})
        self.plugins = ["Label"]
        self.labels = ["huntarr"]
        self.connected = True
        self.hosts: dict[str, bool] = {"first": True}
        self.sessions: list[str] = []
        self.methods: dict[str, Any] = {
            "daemon.get_version": "2.1.1",
            "core.get_config_value": "/downloads",
            "core.add_torrent_file": None,
            "core.add_torrent_magnet": None,
            "core.remove_torrent": True,
            "label.set_torrent": None,
        }
        """What the daemon gives; an exception is its error."""

    def respond(self, request: SimRequest) -> SimReply:
        method, params = request.json["method"], request.json["params"]
        if method == "auth.login":
            session = f"_session_id=session-{len(self.requests)}"
            self.sessions.append(session)
            return SimReply({"result": params == ["secret"], "error": None, "id": 1}, headers={"set-cookie": session})
        if request.headers.get("cookie", "") not in self.sessions:
            return _deluge_error("Not authenticated", 1)
        if method.startswith("web."):
            return SimReply({"result": self._of_web(method, params), "error": None, "id": 1})
        if not self.connected:
            return _deluge_error("Unknown method", 2)
        return self._of_daemon(method, params)

    def _of_web(self, method: str, params: list[Any]) -> Any:
        if method == "web.connected":
            return self.connected
        if method == "web.get_hosts":
            return [[host, "127.0.0.1", 58846, "localclient"] for host in self.hosts]
        self.connected = self.hosts[params[0]]
        return None

    def _of_daemon(self, method: str, params: list[Any]) -> SimReply:
        if method == "core.get_enabled_plugins":
            return SimReply({"result": self.plugins, "error": None, "id": 1})
        if method == "core.get_torrents_status":
            ids = params[0].get("id")
            rows = {key: row if ids is None or key in ids else {} for key, row in self.torrents.items()}
            return SimReply({"result": rows, "error": None, "id": 1})
        if method == "label.get_labels":
            return SimReply({"result": self.labels, "error": None, "id": 1})
        if method == "label.add":
            self.labels.append(params[0])
            return SimReply({"result": None, "error": None, "id": 1})
        found = self.methods.get(method, KeyError)
        if found is KeyError:
            return _deluge_error("Unknown method", 2)
        if isinstance(found, Exception):
            printed = f"Failure: [Failure instance: Traceback: <class 'deluge.error.AddTorrentError'>: {found}\n]"
            return _deluge_error(printed, 4)
        return SimReply({"result": found, "error": None, "id": 1})

    def calls(self, method: str) -> list[list[Any]]:
        """The parameters of the calls."""
        return [request.json["params"] for request in self.requests if request.json["method"] == method]


def _deluge_error(message: str, code: int) -> SimReply:
    return SimReply({"result": None, "error": {"message": message, "code": code}, "id": 1})
