"""Redis: the address of the server and the connection pool of a process."""

import asyncio
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from arq.connections import ArqRedis, RedisSettings
from redis.asyncio import BlockingConnectionPool, Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.connection import AbstractConnection
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from app.core.config import Config
from app.core.queue import dump, load
from app.core.urls import TLS_OPTIONS, redis_address


def redis_settings(config: Config) -> RedisSettings:
    """arq's settings for the configured server, or for the socket of the embedded one."""
    if config.redis_url is None:
        return RedisSettings(unix_socket_path=str(socket_path(config.data_dir)), conn_timeout=2, conn_retries=0)
    return replace(redis_address(config.redis_url.get_secret_value()), conn_timeout=2, conn_retries=0)


class CancellableConnection(AbstractConnection):
    """redis-py sends under `asyncio.wait_for`, which before Python 3.12 loses a cancellation that comes just as the
    send ends (CPython gh-86296): the worker would go on after SIGTERM. `asyncio.timeout` loses none."""

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        limit, self.socket_timeout = self.socket_timeout, None
        try:
            async with asyncio.timeout(limit):
                await super().send_packed_command(command, check_health)
        except TimeoutError:
            await self.disconnect(nowait=True)
            raise RedisTimeoutError("Timeout writing to socket") from None
        finally:
            self.socket_timeout = limit


class TcpConnection(CancellableConnection, Connection): ...


class TlsConnection(CancellableConnection, SSLConnection): ...


class SocketConnection(CancellableConnection, UnixDomainSocketConnection): ...


def make_redis(config: RedisSettings, *, connections: int = 64) -> ArqRedis:
    """A client whose pool connects at its first use, so that a process starts and answers without Redis.

    `aclose()` of the client closes the pool too.
    """
    common: dict[str, Any] = {
        "username": config.username,
        "password": config.password,
        "db": config.database,
        "socket_timeout": 10,
        "socket_connect_timeout": config.conn_timeout,
        "retry": Retry(ExponentialBackoff(cap=0.2, base=0.02), 2),
        "retry_on_error": [RedisConnectionError],
    }
    kind: type[AbstractConnection]
    if config.unix_socket_path:
        common["path"] = config.unix_socket_path
        del common["socket_connect_timeout"]
        kind = SocketConnection
    else:
        common |= {"host": config.host, "port": config.port}
        kind = TlsConnection if config.ssl else TcpConnection
        if config.ssl:
            common |= {name: getattr(config, name) for name in TLS_OPTIONS}
    pool = BlockingConnectionPool(connection_class=kind, max_connections=connections, timeout=5, **common)
    client = ArqRedis(connection_pool=pool, job_serializer=dump, job_deserializer=load)
    client.auto_close_connection_pool = True  # as in `Redis.from_pool`: no other client uses the pool
    return client


def socket_file(data_dir: Path) -> Path:
    """The file in the data folder that names the socket of the embedded server."""
    return data_dir / "redis.socket"


def socket_path(data_dir: Path) -> Path:
    """The socket of the embedded server, the same for all processes of a data folder; where nobody listens if it never
    started."""
    try:
        return Path(os.fsdecode(socket_file(data_dir).read_bytes()))
    except OSError:
        return data_dir / "redis.sock"
