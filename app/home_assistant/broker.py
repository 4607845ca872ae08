"""Access to MQTT brokers: the address, a connection to checked addresses only, and our own error."""

import asyncio
import re
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import unquote

import certifi
from aiomqtt import Client, Message, MqttCodeError, MqttError, Will

from app.core.errors import Invalid, UpstreamFailed
from app.http.addresses import BlockedAddress, Resolve, is_blocked, normalise_url, resolve_name

MAX_URL_LENGTH: Final = 500
PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
REPLY_SECONDS: Final = 5.0
KEEPALIVE_SECONDS: Final = 30
MAX_UNREAD: Final = 100
_URL: Final = re.compile(
    r"(?P<scheme>mqtts?)://(?:(?P<user>[^:@/?#]*)(?::(?P<password>[^:@/?#]*))?@)?(?P<authority>[^@/?#]+)/?",
    re.IGNORECASE,
)
_NOT_A_URL: Final = (
    "The address must look like mqtt://host:1883 or mqtts://user:password@host:8883; "
    "in user and password write @ : / ? # and % as %40 %3A %2F %3F %23 and %25."
)


class BrokerFailed(UpstreamFailed):
    """The broker cannot be reached, refuses us, or ends the connection."""


@dataclass(frozen=True, slots=True)
class Broker:
    """How to reach a broker."""

    url: str = field(repr=False)
    host: str
    port: int
    is_tls: bool
    user: str | None = field(repr=False)
    password: str | None = field(repr=False)
    verify_tls: bool

    @property
    def name(self) -> str:
        """Without password, for logs."""
        return f"{self.host}:{self.port}"


def parse_broker_url(url: str, *, verify_tls: bool) -> Broker:
    """`Invalid` says what is wrong with the URL, and never quotes it."""
    found = _URL.fullmatch(url)
    if found is None:
        raise Invalid(_NOT_A_URL, field="body.broker_url")
    scheme = found["scheme"].lower()
    try:
        authority = normalise_url(f"http://{found['authority']}").removeprefix("http://")
    except Invalid as wrong:
        raise Invalid(wrong.message, field="body.broker_url") from None
    host, _, port = authority.rpartition(":") if re.search(r":[0-9]+$", authority) else (authority, "", "")
    user, password = (unquote(part) if part else None for part in (found["user"], found["password"]))
    if not f"{user}{password}".isprintable():
        raise Invalid(_NOT_A_URL, field="body.broker_url")
    return Broker(
        url, host.strip("[]"), int(port or PORTS[scheme]), scheme == "mqtts", user, password, verify_tls=verify_tls
    )


class NamedContext(ssl.SSLContext):
    """Checks the certificate against the broker's name, although the socket connects to a checked IP address."""

    name: str
    wrapped: ssl.SSLSocket | None = None

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        self.wrapped = super().wrap_socket(*args, **{**options, "server_hostname": self.name})
        return self.wrapped


class MqttConnection:
    """A connection to a broker."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def publish(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """Publish, and wait for the broker's acknowledgement. An empty retained message clears the topic."""
        with _broker_errors():
            await self._client.publish(topic, payload, qos=1, retain=retain)

    async def subscribe(self, *topics: str) -> None:
        with _broker_errors():
            await self._client.subscribe([(topic, 1) for topic in topics])

    async def messages(self) -> AsyncGenerator[Message, None]:
        """Incoming messages; `BrokerFailed` when the connection ends."""
        with _broker_errors():
            async for message in self._client.messages:
                yield message


@asynccontextmanager
async def connect(
    broker: Broker, *, will: tuple[str, bytes] | None = None, resolve: Resolve = resolve_name
) -> AsyncIterator[MqttConnection]:
    """A connection for the duration of the block. The broker publishes `will` (topic, payload) when it is lost."""
    context = await asyncio.to_thread(_tls_context, broker) if broker.is_tls else None
    last_will = Will(will[0], will[1], qos=1, retain=True) if will else None
    client = await _open_client(broker, context, last_will, resolve)
    try:
        yield MqttConnection(client)
    finally:
        with suppress(BrokerFailed), _broker_errors():
            await client.__aexit__(None, None, None)


async def _open_client(broker: Broker, context: NamedContext | None, will: Will | None, resolve: Resolve) -> Client:
    """Connected to the first address of the broker that answers."""
    failure: BrokerFailed | None = None
    for address in await _addresses(broker, resolve):
        client = Client(
            address,
            broker.port,
            username=broker.user,
            password=broker.password,
            will=will,
            tls_context=context,
            timeout=REPLY_SECONDS,
            keepalive=KEEPALIVE_SECONDS,
            max_queued_incoming_messages=MAX_UNREAD,
        )
        # aiomqtt connects in a thread: on cancellation wait for it, or nobody would close the connection.
        entering = asyncio.ensure_future(client.__aenter__())
        try:
            with _broker_errors():
                return await asyncio.shield(entering)
        except BrokerFailed as failed:
            _close(client, context)
            failure = failed
        except asyncio.CancelledError:
            await asyncio.wait([entering])
            _close(client, context)
            entering.exception()
            raise
    raise failure or BrokerFailed("The name of the broker has no address.")


def _close(client: Client, context: NamedContext | None) -> None:
    """aiomqtt 2.5.1 leaves failed connections open, during and after the handshake [tried]."""
    client._client.disconnect()
    if context is not None and context.wrapped is not None:
        context.wrapped.close()


async def _addresses(broker: Broker, resolve: Resolve) -> list[str]:
    """The IP addresses of the broker; `BlockedAddress` when any of them is blocked."""
    try:
        addresses = [str(ip_address(broker.host))]
    except ValueError:
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                addresses = await resolve(broker.host, broker.port)
        except (OSError, UnicodeError):
            raise BrokerFailed("The name of the broker is not known.") from None
    if any(map(is_blocked, addresses)):
        raise BlockedAddress("The broker's name points to a link-local, metadata, multicast or unspecified address.")
    return addresses


def _tls_context(broker: Broker) -> NamedContext:
    context = NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.name = broker.host
    if broker.verify_tls:
        context.load_verify_locations(certifi.where())
        context.load_default_certs()  # the system's, which may include a private CA
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@contextmanager
def _broker_errors() -> Iterator[None]:
    """Turn aiomqtt's errors into `BrokerFailed`. aiomqtt uses `asyncio.wait_for`, which before Python 3.12 swallows a
    cancellation that comes just as the broker answers (CPython gh-86296); here it is raised."""
    task = asyncio.current_task()
    before = task.cancelling() if task is not None else 0
    try:
        yield
    except MqttCodeError as failure:
        raise BrokerFailed(f"The broker refuses: {failure}.") from failure
    except (MqttError, OSError, ValueError) as failure:
        raise BrokerFailed(f"No connection to the broker: {failure or type(failure).__name__}.") from failure
    if task is not None and task.cancelling() > before:
        raise asyncio.CancelledError
