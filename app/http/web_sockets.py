"""WebSockets to servers: only to checked addresses, with bounds for time and size; we never ping."""

import asyncio
import socket
from collections.abc import Mapping
from typing import Final, NoReturn
from urllib.parse import urlsplit

import httpcore
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from app.http.addresses import BlockedAddress, GuardedBackend
from app.http.clients import tls_context
from app.http.errors import HttpError, HttpErrorCode, HttpTimeout
from app.http.messages import Endpoint

CLOSE_SECONDS: Final = 1.0
UNREAD_MESSAGES: Final = 64


async def open_web_socket(
    endpoint: Endpoint, path: str, headers: Mapping[str, str], *, max_message_bytes: int
) -> ClientConnection:
    """Ask the server for a WebSocket, within the endpoint's time-out; `HttpError` when it gives none.

    `http_status` of the error is how it answered instead; `None` without an answer. No redirect is followed.
    """
    try:
        async with asyncio.timeout(endpoint.timeout_seconds):
            return await _opened(endpoint, path, headers, max_message_bytes)
    except InvalidStatus as answer:
        _refuse(HttpErrorCode.REFUSED, f"answered {answer.response.status_code}", endpoint, answer.response.status_code)
    except TimeoutError as late:
        sentence = f"The {endpoint.noun} at {endpoint.origin} gave no WebSocket within {endpoint.timeout_seconds:g} s."
        raise HttpTimeout(sentence, may_have_reached=True, transient=True) from late
    except BlockedAddress as blocked:
        raise HttpError(HttpErrorCode.BLOCKED_ADDRESS, blocked.message, may_have_reached=False) from blocked
    except (WebSocketException, httpcore.ConnectError, httpcore.ConnectTimeout, OSError, EOFError) as failure:
        _refuse(HttpErrorCode.UNREACHABLE, type(failure).__name__, endpoint)


async def _opened(
    endpoint: Endpoint, path: str, headers: Mapping[str, str], max_message_bytes: int
) -> ClientConnection:
    parts = urlsplit(endpoint.url)
    is_tls = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if is_tls else 80)
    made = await _connected(host, port, endpoint.timeout_seconds)
    try:
        return await connect(
            f"{'wss' if is_tls else 'ws'}://{parts.netloc}{parts.path}{path}",
            sock=made,
            ssl=await asyncio.to_thread(tls_context, endpoint.verify_tls) if is_tls else None,
            server_hostname=host if is_tls else None,
            additional_headers={**headers, **endpoint.headers},
            user_agent_header=None,
            compression=None,
            proxy=None,
            open_timeout=None,
            ping_interval=None,
            close_timeout=CLOSE_SECONDS,
            max_size=max_message_bytes,
            max_queue=UNREAD_MESSAGES,
        )
    except BaseException:
        made.close()
        raise


async def _connected(host: str, port: int, seconds: float) -> socket.socket:
    """A connection to the first address of `host` that takes one."""
    failure: OSError = ConnectionRefusedError("the name has no address")
    for address in await GuardedBackend().allowed_addresses(host, port, seconds):
        made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        made.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(made, (address, port))
        except OSError as refused:
            made.close()
            failure = refused
        except BaseException:
            made.close()
            raise
        else:
            return made
    raise failure


def _refuse(code: HttpErrorCode, what: str, endpoint: Endpoint, status: int | None = None) -> NoReturn:
    sentence = f"The {endpoint.noun} at {endpoint.origin} gave no WebSocket: {what}."
    raise HttpError(code, sentence, may_have_reached=True, http_status=status)
