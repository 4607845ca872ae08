"""The push channel of the apps (SignalR over a WebSocket): it tells that a command is over, without being asked.

The apps do not document it; their own pages use it, and what is here was tried on all of them. It only makes a hunt
quicker and cheaper: what a GET answers counts more, and everything works without it.
"""

import asyncio
import random
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import structlog
from pydantic import BaseModel
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import WebSocketException

from app.arr.base import ArrClient
from app.arr.http import MAX_PUSH_BYTES
from app.arr.models import Command
from app.http.errors import HttpError

log = structlog.get_logger(__name__)

END: Final = "\x1e"
"""Behind each message; several may come in one frame."""
HELLO: Final = '{"protocol":"json","version":1}' + END
HANDSHAKE_SECONDS: Final = 5.0
SILENCE_SECONDS: Final = 40.0
"""The app sends something at least every 15 seconds."""
OF_COMMAND: Final = '"name":"command"}]}'
"""The end of a message about a command: most messages are sorted out without being parsed."""
ACTIVE_INDEXERS: Final = re.compile(r"\b[1-9]\d* active indexers")
"""In what the apps say while they search, if that takes longer than a tenth of a second."""
CLOSING: Final = 7
"""The type of a message that the app closes with."""
MAX_CLOSING_LENGTH: Final = 1000
MAX_KEPT: Final = 500
AFTER_REFUSAL: Final = (300.0, 3600.0, 86400.0)
AFTER_LOSS: Final = (1.0, 2.0, 5.0, 15.0, 60.0, 300.0)
STEADY_SECONDS: Final = 300.0


class _Body(BaseModel):
    resource: dict[str, Any] | None = None


class _Argument(BaseModel):
    body: _Body = _Body()


class _Message(BaseModel):
    """What we read of a message. `error` is set where the app refuses our greeting."""

    type: int | None = None
    arguments: list[_Argument] = []
    error: str | None = None


class PushRests:
    """Which apps gave no push channel or lost it, and when each is asked again; one per process."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._rests: dict[str, tuple[int, float]] = {}

    def is_over(self, url: str) -> bool:
        return self._monotonic() >= self._rests.get(url, (0, 0.0))[1]

    def failed(self, url: str, steps: Sequence[float]) -> None:
        """Rest longer after each failure in a row."""
        failures = self._rests.get(url, (0, 0.0))[0]
        seconds = steps[min(failures, len(steps) - 1)] * random.uniform(1.0, 1.2)  # noqa: S311 - nothing secret
        self._rests[url] = failures + 1, self._monotonic() + seconds

    def worked(self, url: str) -> None:
        self._rests.pop(url, None)


class PushChannel:
    """What one app tells while a hunt listens. No method raises; the app is asked where it tells nothing."""

    def __init__(self, client: ArrClient, rests: PushRests, *, is_used: bool = True) -> None:
        self._client = client
        self._rests = rests
        self._is_used = is_used
        self._ended: OrderedDict[int, Command] = OrderedDict()
        """Also commands of others, and those that end before the app answers who sent them."""
        self._searching: OrderedDict[int, None] = OrderedDict()
        """Commands of which the app told how many indexers it asks: more than none."""
        self._news = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None
        self.is_open = False

    async def open(self) -> None:
        """Open it, unless it is open, or was refused or lost not long ago."""
        if self.is_open or not self._is_used or not self._rests.is_over(self._client.url):
            return
        try:
            socket = await self._client.push_socket()
        except HttpError as failure:
            self._refused(failure.message)
            return
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                await socket.send(HELLO)
                answer, _, rest = _text(await socket.recv()).partition(END)
            refusal = _Message.model_validate_json(answer).error
        except (WebSocketException, OSError, ValueError) as failure:  # TimeoutError is an OSError
            refusal = type(failure).__name__
        except BaseException:
            await socket.close()
            raise
        if refusal is None:
            self.is_open = True
            self._listener = asyncio.create_task(self._listen(socket, rest))
        else:
            await socket.close()
            self._refused(refusal)

    def ended(self, command_id: int) -> Command | None:
        """The command, once, if the app told that it is over."""
        return self._ended.pop(command_id, None)

    def asked_indexers(self, command_id: int) -> bool:
        """Whether the app told that this search asks an indexer."""
        return command_id in self._searching

    async def wait(self, seconds: float) -> bool:
        """Until a command is over or the channel lost, which is true; or until the time is."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        has_news = self._news.is_set()
        self._news.clear()
        return has_news

    async def close(self) -> None:
        if self._listener is None:
            return
        if self.is_open:
            self._rests.worked(self._client.url)
        self._listener.cancel()
        await asyncio.gather(self._listener, return_exceptions=True)

    def _refused(self, reason: str) -> None:
        log.debug("no push channel; the app is asked instead", reason=reason)
        self._rests.failed(self._client.url, AFTER_REFUSAL)

    async def _listen(self, socket: ClientConnection, unread: str) -> None:
        """Read until the app closes, falls silent or sends what nobody can read."""
        began_at = time.monotonic()
        try:
            while self._take(unread):
                unread = unread.rpartition(END)[2]
                async with asyncio.timeout(SILENCE_SECONDS):
                    unread += _text(await socket.recv())
                if len(unread) > MAX_PUSH_BYTES:
                    break
        except (WebSocketException, OSError, ValueError) as failure:
            log.debug("push channel lost; the app is asked instead", reason=type(failure).__name__)
        finally:
            self.is_open = False
            self._news.set()
            with suppress(WebSocketException, OSError):
                await socket.close()
        if time.monotonic() - began_at > STEADY_SECONDS:
            self._rests.worked(self._client.url)
        self._rests.failed(self._client.url, AFTER_LOSS)

    def _take(self, text: str) -> bool:
        """Keep what the whole messages of `text` tell; false when the app says that it closes."""
        for message in text.split(END)[:-1]:
            if message.endswith(OF_COMMAND):
                self._keep(_Message.model_validate_json(message))
            elif len(message) < MAX_CLOSING_LENGTH and _Message.model_validate_json(message).type == CLOSING:
                return False
        return True

    def _keep(self, message: _Message) -> None:
        for argument in message.arguments:
            command = self._client.pushed_command(argument.body.resource)
            if command is None:
                continue
            if command.status.is_over:
                self._ended[command.command_id] = command
                self._news.set()
            elif ACTIVE_INDEXERS.search(command.message or ""):
                self._searching[command.command_id] = None
        for kept in (self._ended, self._searching):
            while len(kept) > MAX_KEPT:
                kept.popitem(last=False)


def _text(received: str | bytes) -> str:
    return received if isinstance(received, str) else received.decode()
