"""The way to Apprise: a process for every message (`courier.py`), a few at a time, killed when it is late."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import structlog

import app
from app.events.catalogue import EventName
from app.notifications.messages import DeliveryResult, Message

log = structlog.get_logger(__name__)

SECONDS: Final = 20.0  # 15 for the provider, the rest for the process to start
AT_ONCE: Final = 4  # each needs some 55 MB while it lives
GOOD_NEWS: Final = (EventName.MEDIA_IMPORTED, EventName.INSTANCE_ONLINE, EventName.BACKUP_CREATED)
"""Shown as success by services that use colours."""
KEPT_VARIABLES: Final = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "SYSTEMROOT")


class AppriseClient:
    """One a process. Neither our environment nor any secret stands where other programs could see it."""

    def __init__(self, *, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def send(self, urls: Sequence[str], message: Message) -> DeliveryResult:
        """Whether every one of the addresses took the message."""
        kind = "success" if message.type in GOOD_NEWS else message.level
        order = {"urls": list(urls), "title": message.title, "body": message.body, "kind": kind}
        return _answer(await self._run(order))

    async def unknown(self, urls: Sequence[str]) -> list[int]:
        """Which of the addresses Apprise cannot read; nothing is sent."""
        report = await self._run({"urls": list(urls), "check": True})
        return [int(place) for place in report.get("unknown", [])]

    async def _run(self, order: Mapping[str, Any]) -> dict[str, Any]:
        async with self._gate:
            courier = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "app.notifications.apprise_subprocess",
                env=_environment(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                async with asyncio.timeout(self._seconds):
                    said, _ = await courier.communicate(json.dumps(order).encode())
            except TimeoutError:
                return {"late": True}
            finally:
                if courier.returncode is None:
                    courier.kill()
                    await courier.wait()
        try:
            report = json.loads(said)
        except ValueError:
            log.error("the courier ended without a report", code=courier.returncode)
            return {"broken": "courier"}
        return report if isinstance(report, dict) else {}


def _answer(report: Mapping[str, Any]) -> DeliveryResult:
    said = str(report.get("said") or "") or None
    if report.get("late"):
        return DeliveryResult(False, "The provider did not answer in time.")
    failed, count = len(report.get("failed", ())), int(report.get("count", 0))
    if count and not failed:
        return DeliveryResult(True, "The provider took it." if count == 1 else f"All {count} providers took it.", said)
    if report.get("refused"):
        return DeliveryResult(False, str(report["refused"][0]), said)
    if report.get("broken"):
        return DeliveryResult(False, "The provider's code broke over it; check the settings.", said)
    if report.get("unknown"):
        return DeliveryResult(False, "Apprise cannot read the address; check the settings.", said)
    which = "The provider" if count == 1 else f"{failed} of {count} providers"
    return DeliveryResult(False, f"{which} refused it or could not be reached.", said)


def _environment() -> dict[str, str]:
    """What Python and certificates need; no proxy, which would connect for us where no guard looks."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    root = str(Path(app.__file__).resolve().parents[1])
    return {**kept, "PYTHONPATH": root, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}
