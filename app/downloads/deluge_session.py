"""A session with Deluge's web interface: the password, the cookie, and its own connection to the daemon."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from app.downloads.models import ClientConnection
from app.downloads.replies import (
    ClientFailed,
    client_failed,
    cookie_of,
    endpoint_of,
    not_the_client,
    read_json,
    status_failed,
    unauthorized,
    words_of,
)
from app.http.bodies import Json
from app.http.client import HttpClient
from app.http.errors import HttpErrorCode
from app.http.messages import HttpReply, HttpRequest, any_type

T = TypeVar("T")

NAME: Final = "Deluge"
PASSWORD: Final = "the password of its web interface"  # noqa: S105 - a phrase of a sentence
NOT_SIGNED_IN, UNKNOWN_METHOD = 1, 2
"""Codes of errors (deluge/ui/web/json_api.py). While there is no daemon, every method of the daemon is unknown."""
PYTHON_ERROR: Final = re.compile(r"<class '[\w.]+'>:\s*(.+?)\s*\]?$")
"""How an error of the daemon is printed."""


class DelugeSpoke(ClientFailed):
    """Deluge answered a call with an error, in these `words`."""

    def __init__(self, words: str) -> None:
        super().__init__(HttpErrorCode.REFUSED, f"{NAME} answers: {words.rstrip('.')}.", may_have_reached=True)
        self.words = words


@dataclass(frozen=True, slots=True)
class DelugeReply:
    result: Json
    code: int | None = None
    error: str | None = None
    """The words of an error; `None` for a success."""


class DelugeSession:
    def __init__(self, http: HttpClient, connection: ClientConnection) -> None:
        self._http = http
        self._password = connection.password
        self.endpoint = endpoint_of(connection, NAME)
        self._cookie: str | None = None
        self._signing_in = asyncio.Lock()

    async def sign_in(self) -> None:
        """Begin a new session, and so try the password."""
        await self._replace(self._cookie)

    async def check(self) -> None:
        """Connect to the daemon where the connection is lost.

        After that the web interface of 2.0.3 leaves calls of the daemon's methods without any reply.
        """
        cookie = self._cookie
        if await self.call("web.connected") is not True:
            await self._replace(cookie)

    async def call(self, method: str, *params: Json) -> Json:
        """What the method gives; `DelugeSpoke` for its error. A session that has ended is begun again, once."""
        if self._cookie is None:
            await self._replace(None)
        cookie = self._cookie
        said = await self._exchange(method, params, cookie or "", self._read)
        if said.code in (NOT_SIGNED_IN, UNKNOWN_METHOD):
            await self._replace(cookie)
            said = await self._exchange(method, params, self._cookie or "", self._read)
        if said.error is not None:
            raise DelugeSpoke(said.error)
        return said.result

    async def _replace(self, ended: str | None) -> None:
        """Begin a session in place of the one with the cookie `ended`, unless another call has done so meanwhile."""
        async with self._signing_in:
            if self._cookie != ended:
                return
            cookie = await self._exchange("auth.login", (self._password,), "", self._read_login)
            await self._connect(cookie)
            self._cookie = cookie

    async def _connect(self, cookie: str) -> None:
        """The web interface is a client of the daemon, and may not be connected to it."""
        if await self._is_connected(cookie):
            return
        hosts = (await self._exchange("web.get_hosts", (), cookie, self._read)).result
        ids = [host[0] for host in hosts if isinstance(host, list) and host] if isinstance(hosts, list) else []
        if not ids:
            sentence = f"{NAME}'s web interface knows no daemon: add one in its connection manager."
            raise client_failed(HttpErrorCode.REFUSED, sentence)
        for host_id in ids:
            await self._exchange("web.connect", (host_id,), cookie, self._read)
            if await self._is_connected(cookie):
                return
        sentence = f"{NAME}'s web interface cannot connect to its daemon: check that deluged runs."
        raise client_failed(HttpErrorCode.UNREACHABLE, sentence)

    async def _is_connected(self, cookie: str) -> bool:
        return (await self._exchange("web.connected", (), cookie, self._read)).result is True

    def _read_login(self, reply: HttpReply) -> str:
        """The cookie of the session."""
        if self._read(reply).result is not True:
            raise unauthorized(NAME, PASSWORD)
        return cookie_of(reply)

    def _read(self, reply: HttpReply) -> DelugeReply:
        if not 200 <= reply.status < 300:
            raise status_failed(NAME, self.endpoint, reply, PASSWORD)
        said = read_json(NAME, self.endpoint, reply)
        if not isinstance(said, dict) or "result" not in said:
            raise not_the_client(NAME, self.endpoint)
        error = said.get("error")
        if not error:
            return DelugeReply(said["result"])
        found = error if isinstance(error, dict) else {}
        code, words = found.get("code"), words_of(found.get("message")) or "an error"
        printed = PYTHON_ERROR.search(words)
        return DelugeReply(None, code if isinstance(code, int) else None, printed[1] if printed else words)

    async def _exchange(self, method: str, params: tuple[Json, ...], cookie: str, read: Callable[[HttpReply], T]) -> T:
        # The cookie is always given, if only an empty one: else httpx sends what any server of this host has set.
        body: Json = {"method": method, "params": list(params), "id": 1}
        request = HttpRequest("POST", "/json", json=body, headers={"Cookie": cookie}, accepts=any_type)
        return await self._http.request(self.endpoint, request, read)
