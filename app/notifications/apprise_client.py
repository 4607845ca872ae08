"""Sends through Apprise: a process for every message, a few at a time, killed after a timeout."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypedDict

import structlog

import app
from app.events.catalogue import EventName
from app.notifications.messages import DeliveryResult, Message

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS: Final = 20.0  # 15 for the provider, the rest for the process to start
MAX_PROCESSES: Final = 4  # each needs some 55 MB while it lives
GOOD_NEWS: Final = (EventName.MEDIA_IMPORTED, EventName.INSTANCE_ONLINE, EventName.BACKUP_CREATED)
"""Shown as success by services that use colours."""
PASSED_VARIABLES: Final = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "SYSTEMROOT")


class MailAddresses(TypedDict):
    """Whom a mail is from, and whom it goes to."""

    sender: str
    recipients: list[str]


class AppriseClient:
    """One per process. The subprocess gets no secret by argument or environment, where other programs could read it."""

    def __init__(self, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._timeout_seconds = timeout_seconds
        self._slots = asyncio.Semaphore(MAX_PROCESSES)

    async def send(self, urls: Sequence[str], message: Message, *, mail: MailAddresses | None = None) -> DeliveryResult:
        """Send to every address; the result is a success when all of them accepted the message. `mail`: whom a mail is
        from and goes to, whatever the address says."""
        notify_type = "success" if message.type in GOOD_NEWS else message.level
        request = {"urls": list(urls), "title": message.title, "body": message.body, "type": notify_type, "mail": mail}
        return _result(await self._run(request))

    async def unreadable(self, urls: Sequence[str]) -> list[int]:
        """Indexes of the addresses that Apprise cannot read, or reads in part; nothing is sent."""
        report = await self._run({"urls": list(urls), "check": True})
        return [int(index) for index in report.get("unreadable", [])]

    async def _run(self, request: Mapping[str, Any]) -> dict[str, Any]:
        async with self._slots:
            process = await asyncio.create_subprocess_exec(
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
                async with asyncio.timeout(self._timeout_seconds):
                    output, _ = await process.communicate(json.dumps(request).encode())
            except TimeoutError:
                return {"timed_out": True}
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        try:
            report = json.loads(output)
        except ValueError:
            log.error("apprise subprocess ended without a report", code=process.returncode)
            return {"crashed": True}
        return report if isinstance(report, dict) else {}


def _result(report: Mapping[str, Any]) -> DeliveryResult:
    response = str(report.get("response") or "") or None
    if report.get("timed_out"):
        return DeliveryResult(False, "The provider did not answer in time.")
    failed, count = len(report.get("failed", ())), int(report.get("count", 0))
    if count and not failed:
        sentence = "The provider accepted it." if count == 1 else f"All {count} providers accepted it."
        return DeliveryResult(True, sentence, response)
    if report.get("refused"):
        return DeliveryResult(False, str(report["refused"]), response)
    if report.get("crashed"):
        return DeliveryResult(False, "The provider's code failed; check the settings.", response)
    if report.get("unreadable"):
        return DeliveryResult(
            False, "Nothing was sent: Apprise cannot read an address, or leaves out a part of it.", response
        )
    which = "The provider" if count == 1 else f"{failed} of {count} providers"
    return DeliveryResult(False, f"{which} refused it or could not be reached.", response)


def _environment() -> dict[str, str]:
    """What Python and certificates need. No proxy: it would connect for us, out of the guard's sight."""
    passed = {name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ}
    root = str(Path(app.__file__).resolve().parents[1])
    return {**passed, "PYTHONPATH": root, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}
