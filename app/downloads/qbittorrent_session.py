"""A session with qBittorrent's Web API: it signs in, keeps the cookie, and renews a session that has ended."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from app.downloads.models import ClientConnection
from app.downloads.multipart import form
from app.downloads.replies import (
    client_failed,
    cookie_of,
    endpoint_of,
    not_the_client,
    read_json,
    status_failed,
    unauthorized,
)
from app.http.bodies import Json
from app.http.client import HttpClient
from app.http.errors import HttpErrorCode
from app.http.messages import Content, HttpReply, HttpRequest, Param, any_type, origin_of

T = TypeVar("T")

NAME: Final = "qBittorrent"
CREDENTIALS: Final = "the user name or the password"
BANNED: Final = f"{NAME} has banned us after too many wrong passwords: correct the password, then restart {NAME}."


class QbittorrentSession:
    def __init__(self, http: HttpClient, connection: ClientConnection) -> None:
        self._http = http
        self._connection = connection
        # qBittorrent compares both with its own address, against requests that a foreign web page makes.
        headers = {"Referer": f"{connection.url}/", "Origin": origin_of(connection.url)}
        self.endpoint = endpoint_of(connection, NAME, headers)
        self._cookie: str | None = None
        self._signing_in = asyncio.Lock()

    async def sign_in(self) -> None:
        """Begin a new session, and so try the password."""
        await self._replace(self._cookie)

    async def get_text(self, path: str) -> str:
        """`path` as `/app/version`."""
        reply, _ = await self._send(HttpRequest("GET", f"/api/v2{path}", accepts=any_type), (), lambda _reply: None)
        return (reply.body or b"").decode(errors="replace")

    async def get_json(self, path: str, params: Mapping[str, Param] | None = None, may_be: Sequence[int] = ()) -> Json:
        """`None` for a reply with a status of `may_be`."""
        request = HttpRequest("GET", f"/api/v2{path}", params, accepts=any_type)
        return (await self._send(request, may_be, lambda reply: read_json(NAME, self.endpoint, reply)))[1]

    async def post(self, path: str, content: Content, may_be: Sequence[int] = ()) -> HttpReply:
        """The reply, with a status of success or one of `may_be`."""
        request = HttpRequest("POST", f"/api/v2{path}", content=content, accepts=any_type)
        return (await self._send(request, may_be, lambda _reply: None))[0]

    async def _send(
        self, request: HttpRequest, may_be: Sequence[int], read: Callable[[HttpReply], T]
    ) -> tuple[HttpReply, T | None]:
        """The reply, and what `read` makes of one with a status of success."""
        if self._cookie is None:
            await self._replace(None)
        cookie = self._cookie
        reply, found = await self._exchange(request, cookie or "", read)
        if reply.status in (401, 403):
            await self._replace(cookie)
            reply, found = await self._exchange(request, self._cookie or "", read)
        if reply.status in may_be or 200 <= reply.status < 300:
            return reply, found
        raise status_failed(NAME, self.endpoint, reply, CREDENTIALS)

    async def _replace(self, ended: str | None) -> None:
        """Begin a session in place of the one with the cookie `ended`, unless another call has done so meanwhile."""
        async with self._signing_in:
            if self._cookie != ended:
                return
            fields = {"username": self._connection.username, "password": self._connection.password}
            request = HttpRequest("POST", "/api/v2/auth/login", content=form(fields), accepts=any_type)
            reply, _ = await self._exchange(request, "", lambda _reply: None)
            self._check(reply)
            # It sets none where it asks nobody of this address for a password.
            self._cookie = cookie_of(reply)

    def _check(self, reply: HttpReply) -> None:
        """Up to 5.1 it answers "Ok." or "Fails.", later with 204 or 401."""
        if reply.status == 403:
            raise client_failed(HttpErrorCode.UNAUTHORIZED, BANNED, status=403)
        if reply.status == 401:
            # Also for a host that it does not know itself by.
            raise unauthorized(NAME, f"{CREDENTIALS}, or the host in the URL (its option Server domains)", status=401)
        if not 200 <= reply.status < 300:
            raise status_failed(NAME, self.endpoint, reply, CREDENTIALS)
        body = (reply.body or b"").strip()
        if body == b"Fails.":
            raise unauthorized(NAME, CREDENTIALS, status=reply.status)
        if body not in (b"Ok.", b""):
            raise not_the_client(NAME, self.endpoint, status=reply.status)

    async def _exchange(
        self, request: HttpRequest, cookie: str, read: Callable[[HttpReply], T]
    ) -> tuple[HttpReply, T | None]:
        # The cookie is always given, if only an empty one: else httpx sends what any server of this host has set.
        sent = replace(request, headers={"Cookie": cookie})

        def read_success(reply: HttpReply) -> tuple[HttpReply, T | None]:
            return reply, read(reply) if 200 <= reply.status < 300 else None

        return await self._http.request(self.endpoint, sent, read_success)
