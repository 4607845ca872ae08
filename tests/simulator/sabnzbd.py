"""A simulated SABnzbd; tests move its jobs through their states."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from tests.simulator.exchange import Message, Receive, Scope, Send

KEY = "sab-key-0123456789abcdef"
MB = 1024 * 1024


@dataclass
class SabJob:
    """A job: in the queue while `storage` and `failure` are unset."""

    number: str
    name: str
    category: str
    status: str = "Downloading"
    storage: str | None = None
    fail_message: str = ""
    in_history: bool = False
    is_hidden: bool = False
    """Neither in the queue nor in the history, as for a moment between both."""
    size: int = 100 * MB

    @property
    def queued(self) -> dict[str, Any]:
        return {
            "nzo_id": self.number,
            "filename": self.name,
            "cat": self.category,
            "status": self.status,
            "mb": f"{self.size / MB:.2f}",
            "mbleft": f"{self.size / MB / 2:.2f}",
            "timeleft": "0:10:00",
        }

    @property
    def ended(self) -> dict[str, Any]:
        return {
            "nzo_id": self.number,
            "name": self.name,
            "category": self.category,
            "status": self.status,
            "storage": self.storage or "",
            "fail_message": self.fail_message,
            "bytes": self.size,
        }


@dataclass
class SabnzbdSim:
    """Serve it with `tests.simulator.hosting.serve`."""

    complete: Path
    """The folder of complete downloads."""
    jobs: list[SabJob] = field(default_factory=list)
    calls: list[dict[str, str]] = field(default_factory=list)
    refuses: bool = False
    plain_errors: bool = True
    categories: tuple[str, ...] = ("*", "huntarr")
    sends_date: bool = False
    stopping: bool = False

    def stop(self) -> None:
        self.stopping = True

    def finish(self, job: SabJob, folder: Path) -> None:
        """The job is done, and its files are in `folder`."""
        job.status, job.storage, job.in_history = "Completed", str(folder), True

    def fail(self, job: SabJob, message: str) -> None:
        job.status, job.fail_message, job.in_history = "Failed", message, True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while scope["method"] == "POST":
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        query = {name: each[0] for name, each in parse_qs(scope["query_string"].decode()).items()}
        params = query | _form(body)
        self.calls.append({name: value for name, value in params.items() if name != "apikey"})
        status, media, reply = self._reply(params, body)
        start: Message = {"type": "http.response.start", "status": status, "headers": [(b"content-type", media)]}
        await send(start)
        await send({"type": "http.response.body", "body": reply})

    def _reply(self, params: dict[str, str], body: bytes) -> tuple[int, bytes, bytes]:
        if params.get("apikey") != KEY:
            if self.plain_errors:
                return 200, b"text/plain", b"error: API Key Incorrect"
            return 200, b"application/json", b'{"status": false, "error": "API Key Incorrect"}'
        return 200, b"application/json", json.dumps(self._answer(params, body)).encode()

    def _answer(self, params: dict[str, str], body: bytes) -> dict[str, Any]:
        mode = params.get("mode")
        if mode == "version":
            return {"version": "4.5.1"}
        if mode == "get_config":
            named = [{"name": each} for each in self.categories]
            return {"config": {"misc": {"complete_dir": "Downloads/complete"}, "categories": named}}
        if mode == "fullstatus":
            return {"status": {"completedir": str(self.complete)}}
        if mode == "addfile":
            return self._add(params, body)
        if params.get("name") == "delete":
            self.jobs = [each for each in self.jobs if each.number != params["value"]]
            return {"status": True}
        shown = [each for each in self.jobs if not each.is_hidden]
        if mode == "queue":
            return {"queue": {"slots": [each.queued for each in shown if not each.in_history]}}
        return {"history": {"slots": [each.ended for each in shown if each.in_history]}}

    def _add(self, params: dict[str, str], body: bytes) -> dict[str, Any]:
        if self.refuses or b"<nzb" not in body:
            return {"status": False, "error": "not an NZB"}
        job = SabJob(f"SABnzbd_nzo_{len(self.calls)}", params["nzbname"], params["cat"])
        self.jobs.append(job)
        return {"status": True, "nzo_ids": [job.number]}


def _form(body: bytes) -> dict[str, str]:
    """The plain fields of a form with a file."""
    found = re.findall(rb'name="([a-z]+)"\r\n\r\n(.*?)\r\n--', body, re.DOTALL)
    return {name.decode(): value.decode() for name, value in found}
