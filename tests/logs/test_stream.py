"""Lines of the log on the stream of events, as soon as they are stored."""

import json
from collections.abc import Mapping

import pytest
import structlog

from app.events.bus import LOG_STREAM
from tests.support.rig import Rig


def told(fields: Mapping[bytes, bytes]) -> tuple[str, str, str, int | None]:
    data = json.loads(fields[b"data"])["data"]
    return data["level"], data["app_type"], data["message"], data["instance_id"]


@pytest.mark.asyncio
@pytest.mark.usefixtures("chain")
async def test_stored_lines_are_streamed_except_debug(rig: Rig) -> None:
    log = structlog.get_logger("app.hunting.running.runner")
    async with rig.container.logs.writer.running():
        with structlog.contextvars.bound_contextvars(app_type="radarr", instance_id=7):
            log.warning("instance is offline")
        log.debug("nothing of interest")
        log.info("all is well")
    entries = await rig.container.infra.redis.xrange(LOG_STREAM)
    assert [fields[b"name"] for _, fields in entries][:1] == [b"log"]
    found = [told(fields) for _, fields in entries]
    assert ("warning", "radarr", "instance is offline", 7) in found
    assert ("info", "system", "all is well", None) in found
    assert "nothing of interest" not in {message for _, _, message, _ in found}
