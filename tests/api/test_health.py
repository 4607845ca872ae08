"""Alive, ready, and of which version."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app import __version__
from app.core import heartbeat
from app.core.redis import make_redis
from app.core.urls import redis_address
from tests.api.kernel import FULL, READ, kernel, redis_server

pytestmark = pytest.mark.asyncio


async def test_ping_and_health_check_nothing(tmp_path: Path) -> None:
    async with kernel(tmp_path) as k:
        assert (await k.client.get("/ping")).json() == {"status": "OK"}
        health = (await k.client.get("/api/health")).json()
        version = (await k.client.get("/api/version", headers=READ)).json()
    assert health == {"success": True, "data": {"status": "ok", "version": __version__}, "message": ""}
    assert version["data"] == {"version": __version__}


async def test_ready_names_what_is_down(tmp_path: Path) -> None:
    async with redis_server() as server, kernel(tmp_path, redis=server) as k:
        waiting = await k.client.get("/api/ready", headers=FULL)
        assert waiting.status_code == 503
        body = waiting.json()
        assert (body["success"], body["error"]) == (False, "Not ready: worker.")
        assert body["request_id"] == waiting.headers["x-request-id"]
        assert waiting.headers["retry-after"] == "5"
        assert body["data"]["worker"]["detail"] == "No worker is alive."
        await heartbeat.beat(k.container.infra.redis, "one", k.clock.now, timedelta(seconds=30))
        ready = await k.client.get("/api/ready", headers=READ)
        assert ready.status_code == 200
        parts = ready.json()["data"]
        assert {name: part["ok"] for name, part in parts.items()} == {
            "database": True,
            "redis": True,
            "worker": True,
        }
        assert parts["worker"]["detail"] == "1 alive."
        k.clock.forward(seconds=31)
        assert (await k.client.get("/api/ready", headers=FULL)).status_code == 503


async def test_ready_without_redis(tmp_path: Path) -> None:
    async with kernel(tmp_path) as k:
        reply = await k.client.get("/api/ready", headers=FULL)
        assert (reply.status_code, reply.json()["error"]) == (503, "Not ready: redis, worker.")
        assert "nobody.sock" not in reply.text
        assert (await k.client.get("/api/version", headers=FULL)).status_code == 200


@pytest.mark.parametrize("password", ["a wrong one", None])
async def test_a_password_that_redis_refuses_is_told(tmp_path: Path, password: str | None) -> None:
    async with redis_server() as server:
        redis = make_redis(server, connections=1)
        await redis.config_set("requirepass", "p@ss/w#rd")
        await redis.aclose()
        async with kernel(tmp_path / "wrong", redis=replace(server, password=password)) as k:
            parts = (await k.client.get("/api/ready", headers=FULL)).json()["data"]
            assert parts["redis"]["detail"] == "The password was refused."
        right = redis_address(f"unix://:p%40ss%2Fw%23rd@{server.unix_socket_path}")
        async with kernel(tmp_path / "right", redis=right) as k:
            parts = (await k.client.get("/api/ready", headers=FULL)).json()["data"]
            assert parts["redis"]["ok"] is True
