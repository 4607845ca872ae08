"""HTTP client for webhooks: one POST, limited in time and bytes, never to a blocked address, without redirects."""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import aclosing
from datetime import timedelta
from typing import Final

import httpx

from app.core.clock import Clock
from app.http.addresses import BlockedAddress, GuardedPool, Resolve
from app.http.clients import ClientPair, read_retry_after, tls_context
from app.notifications.messages import DeliveryResult

TIMEOUT_SECONDS: Final = 15.0
CONNECT_SECONDS: Final = 10.0
MAX_RESPONSE_BYTES: Final = 4096
MAX_CONNECTIONS: Final = 40
KEEPALIVE_SECONDS: Final = 30.0
MAX_RETRY_AFTER: Final = timedelta(hours=1)


class WebhookClient:
    """One per process; `resolve` replaces the system's resolver in tests."""

    def __init__(
        self, version: str, clock: Clock, *, resolve: Resolve | None = None, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        headers = {"User-Agent": f"Huntarr/{version}", "Accept-Encoding": "identity"}
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._clients = ClientPair(
            headers,
            lambda verify_tls: GuardedPool(
                tls_context(verify_tls),
                connections=MAX_CONNECTIONS,
                keepalive_seconds=KEEPALIVE_SECONDS,
                resolve=resolve,
            ),
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, verify_tls: bool) -> DeliveryResult:
        """Post and return the outcome; any 2xx is a success."""
        client = await self._clients.get(verify_tls=verify_tls)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._exchange(client, url, body, headers)
        except TimeoutError:
            return DeliveryResult(False, f"The receiver did not answer within {self._timeout_seconds:g} s.")
        except BlockedAddress as blocked:
            return DeliveryResult(False, f"{blocked.message} Change the URL.")
        except (httpx.TransportError, httpx.InvalidURL, OSError) as failure:
            return DeliveryResult(False, _sentence(failure))

    async def aclose(self) -> None:
        await self._clients.aclose()

    async def _exchange(
        self, client: httpx.AsyncClient, url: str, body: bytes, headers: Mapping[str, str]
    ) -> DeliveryResult:
        timeout = httpx.Timeout(None, connect=CONNECT_SECONDS)
        request = client.build_request("POST", url, content=body, headers=dict(headers), timeout=timeout)
        response = await client.send(request, stream=True)
        try:
            status, text = response.status_code, await _read_start(response)
        finally:
            await response.aclose()
        if response.is_success:
            return DeliveryResult(True, f"The receiver accepted it ({status}).", text)
        if response.has_redirect_location:
            return DeliveryResult(
                False, f"The receiver redirects ({status}), which is not followed: change the URL.", text
            )
        wait = read_retry_after(response.headers.get("retry-after"), self._clock(), longest=MAX_RETRY_AFTER)
        return DeliveryResult(False, f"The receiver refused it ({status}).", text, wait)


async def _read_start(response: httpx.Response) -> str:
    """The first MAX_RESPONSE_BYTES of the body; the rest is not read."""
    parts, size = [], 0
    stream = response.aiter_raw()
    async with aclosing(stream) as received:  # type: ignore[type-var] # an async generator, typed as an iterator
        async for part in received:
            parts.append(part)
            size += len(part)
            if size >= MAX_RESPONSE_BYTES:
                break
    return b"".join(parts)[:MAX_RESPONSE_BYTES].decode("utf-8", "replace")


def _sentence(failure: Exception) -> str:
    causes = [failure, failure.__cause__, failure.__context__]
    if any(isinstance(cause, ssl.SSLError) for cause in causes) or "CERTIFICATE" in str(failure):
        return "No TLS connection to the receiver: its certificate does not verify, or it uses plain HTTP."
    if isinstance(failure, httpx.ConnectTimeout | httpx.PoolTimeout):
        return f"No connection to the receiver within {CONNECT_SECONDS:g} s."
    if isinstance(failure, httpx.ConnectError):
        return "The receiver cannot be reached: check host and port, and that it runs."
    if isinstance(failure, httpx.RemoteProtocolError):
        return "The receiver closed the connection, or does not use HTTP."
    return "The connection to the receiver was lost."
