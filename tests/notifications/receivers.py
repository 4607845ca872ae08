"""Real servers on loopback: an HTTP receiver that can fail, and an SMTP server."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.serving import NoLog, in_threads


@dataclass(frozen=True)
class Call:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Answers with `status` and collects requests; while `gate` is cleared, callers wait."""

    status: int = 200
    response: bytes = b"ok"
    reply_headers: dict[str, str] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    accepted: list[Call] = field(default_factory=list)
    url: str = ""
    gate: threading.Event = field(default_factory=threading.Event)

    def take(self, call: Call) -> None:
        self.calls.append(call)
        if self.status < 300:
            self.accepted.append(call)

    @property
    def ids(self) -> list[str]:
        return [call.headers["webhook-id"] for call in self.accepted]


@contextmanager
def receiver(**given: Any) -> Iterator[Receiver]:
    """A receiver for the duration of the block."""
    made = Receiver(**given)
    made.gate.set()

    class Handler(NoLog, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            made.take(Call(self.path, headers, body))
            made.gate.wait(20)
            self.send_response(made.status)
            for name, value in made.reply_headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(made.response)))
            self.end_headers()
            self.wfile.write(made.response)

    with in_threads(Handler) as address:
        made.url = f"{address}/hook"
        try:
            yield made
        finally:
            made.gate.set()


@dataclass
class Mailbox:
    """What an SMTP server was given."""

    port: int = 0
    mails: list[Envelope] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)


@asynccontextmanager
async def smtp_server(username: str, password: str, *, refused: str = "") -> AsyncIterator[Mailbox]:
    """A server that takes mail from this account only, and none for `refused`."""
    box = Mailbox()

    class Keeper:
        async def handle_RCPT(  # noqa: N802 - aiosmtpd
            self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
        ) -> str:
            if address == refused:
                return "550 nobody of that name"
            envelope.rcpt_tos.append(address)
            return "250 OK"

        async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd
            box.mails.append(envelope)
            return "250 OK"

    def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        given = (data.login.decode(), data.password.decode()) if isinstance(data, LoginPassword) else ("", "")
        box.logins.append(given)
        return AuthResult(success=given == (username, password))

    def speak() -> SMTP:
        return SMTP(Keeper(), authenticator=authenticate, auth_required=True, auth_require_tls=False)

    server = await asyncio.get_running_loop().create_server(speak, "127.0.0.1", 0)
    async with server:
        box.port = server.sockets[0].getsockname()[1]
        yield box
