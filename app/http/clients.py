"""What all our HTTP requests share: TLS contexts, the httpx clients, and the reading of `Retry-After`."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx


class ClientPair:
    """Two httpx clients, made when first needed: one that verifies certificates and one that does not.

    `make_transport` takes `verify_tls`; it is called in a thread, because a TLS context takes 40 ms to make.
    """

    def __init__(self, headers: Mapping[str, str], make_transport: Callable[[bool], httpx.AsyncBaseTransport]) -> None:
        self._headers = dict(headers)
        self._make_transport = make_transport
        self._made: dict[bool, httpx.AsyncClient] = {}
        self._making = asyncio.Lock()

    async def get(self, *, verify_tls: bool) -> httpx.AsyncClient:
        """The client that verifies certificates or not; it follows no redirect and uses no proxy of the environment.

        It keeps no cookie: a jar ignores ports, and servers of one host would get each other's sessions.
        """
        async with self._making:
            if verify_tls not in self._made:
                transport = await asyncio.to_thread(self._make_transport, verify_tls)
                self._made[verify_tls] = httpx.AsyncClient(
                    transport=transport,
                    headers=self._headers,
                    cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                    follow_redirects=False,
                    trust_env=False,
                )
            return self._made[verify_tls]

    async def aclose(self) -> None:
        """Close every connection; the next `get` would make new clients."""
        clients = list(self._made.values())
        self._made.clear()
        for client in clients:
            await client.aclose()


def read_retry_after(value: str | None, now: datetime, *, longest: timedelta) -> timedelta | None:
    """`Retry-After` in seconds or as an HTTP date, from 0 to `longest`; `None` when it cannot be read."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), longest)
    try:
        wait = parsedate_to_datetime(text) - now
    except (ValueError, TypeError, OverflowError):  # TypeError: a date without a zone
        return None
    return min(max(wait, timedelta(0)), longest)


@cache
def tls_context(verify: bool) -> ssl.SSLContext:
    """Trusts certifi's authorities, and the system's for people who run their own."""
    context = httpx.create_ssl_context(verify=verify, trust_env=False)
    if verify:
        context.load_default_certs()
    return context
