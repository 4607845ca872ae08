"""A process of its own that gives one message to Apprise: `python -m app.notifications.apprise_subprocess`.

Apprise makes connections, and some of its services read files and start programs that an address names. Here that
cannot reach what is ours: the process knows neither our settings nor our environment, may use little memory, is killed
when it takes too long, and a guard is asked before every connection, file and program. The guard also holds after a
redirect and after a name was resolved, because it sees what the socket is connected to.
"""

import json
import logging
import os
import site
import socket
import ssl
import sys
import sysconfig
from collections.abc import Sequence
from typing import Any, Final

from app.http.addresses import is_blocked

MEMORY_BYTES: Final = 768 * 1024 * 1024
CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 10.0
SHOWN_LINES: Final = 4
MAX_LINE_LENGTH: Final = 1000
SUBJECTS: Final = {"info": "info", "warning": "warning", "error": "failure", "success": "success"}
PROGRAMS: Final = (
    "subprocess.Popen",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "os.system",
    "pty.spawn",
    "ctypes.dlopen",
    "syslog.openlog",
    "syslog.syslog",
)
CHANGES: Final = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.truncate")
READABLE: Final = (
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/share/zoneinfo",
    "/etc/mime.types",
    "/etc/localtime",
)


class Guard:
    """Asked by Python itself, before it does any of these things; there is no way around it but native code."""

    def __init__(self) -> None:
        paths = {*sysconfig.get_paths().values(), *site.getsitepackages(), sys.prefix, sys.base_prefix}
        certificates = ssl.get_default_verify_paths()
        paths |= {one for one in (certificates.cafile, certificates.capath) if one}
        paths |= {os.environ[name] for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE") if os.environ.get(name)}
        self._readable = tuple(os.path.realpath(path) for path in (*paths, *READABLE))
        self.refused: list[str] = []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            self._check_address(arguments[0].family, arguments[1])
        elif event == "open":
            self._check_file(*arguments)
        elif event in PROGRAMS or event in CHANGES:
            self._refuse("It would start a program or change a file here, which no notification may.")

    def _check_address(self, family: int, address: Any) -> None:
        if family not in (socket.AF_INET, socket.AF_INET6):
            self._refuse("It would use a local socket, which no notification may.")
        if address is None:  # it is connected already
            return
        try:
            is_bad = is_blocked(str(address[0]))
        except ValueError:  # a name: what it leads to would not be seen
            is_bad = True
        if is_bad:
            self._refuse("It leads to a link-local, metadata, multicast or unspecified address.")

    def _check_file(self, path: Any, mode: str | None, flags: int) -> None:
        """Python's own files and certificates may be read; nothing may be written."""
        if isinstance(path, int):
            return
        is_writing = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND))
        real = os.path.realpath(os.fsdecode(path))
        if is_writing or not any(real == one or real.startswith(one + os.sep) for one in self._readable):
            self._refuse("It would read or write a file here, which no notification may.")

    def _refuse(self, sentence: str) -> None:
        self.refused.append(sentence)
        raise PermissionError(sentence)


class LogCapture(logging.Handler):
    """What Apprise says while it works: its warnings, and the body of an answer that it did not like."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        is_answer = text.startswith("Response Details:") and len(text) > len("Response Details:\r\nb''")
        if record.levelno >= logging.WARNING or is_answer:
            self.lines.append(text[:MAX_LINE_LENGTH])


def deliver(order: dict[str, Any], overheard: LogCapture, guard: Guard) -> dict[str, Any]:
    """Send to each of the addresses, or only see whether Apprise knows them; what came of it."""
    import apprise  # here: the guard is not up yet, and only this process pays for it

    asset = apprise.AppriseAsset(
        app_id="Huntarr",
        app_desc="Huntarr",
        async_mode=False,
        storage_mode=apprise.PersistentStoreMode.MEMORY,
        http_redirects=False,
        pgp_autogen=False,
        pem_autogen=False,
        service_timeout=0,
    )
    apprise.manager_plugins.NotificationManager().load_modules()  # type: ignore[no-untyped-call] # it has no types
    logging.getLogger("apprise").handlers = [overheard]
    logging.getLogger("apprise").setLevel(logging.DEBUG)
    sys.addaudithook(guard)
    services = [apprise.Apprise.instantiate(url, asset=asset) for url in order["urls"]]
    unknown = [place for place, service in enumerate(services) if service is None]
    if unknown or order.get("check"):
        return {"unknown": unknown}
    failed = [place for place, service in enumerate(services) if not _sent(apprise, service, order, asset)]
    return {"failed": failed, "count": len(services)}


def _sent(apprise: Any, service: Any, order: dict[str, Any], asset: Any) -> bool:
    service.redirects = False
    service.socket_connect_timeout = min(service.socket_connect_timeout, CONNECT_SECONDS)
    service.socket_read_timeout = min(service.socket_read_timeout, READ_SECONDS)
    return bool(
        apprise.Apprise(service, asset=asset).notify(
            title=order["title"],
            body=order["body"],
            notify_type=apprise.NotifyType(SUBJECTS[order["kind"]]),
            body_format=apprise.NotifyFormat.TEXT,
        )
    )


def main(arguments: Sequence[str] = ()) -> int:
    """One order on standard input, one report on standard output."""
    _limit_memory()
    report, sys.stdout = sys.stdout, sys.stderr  # whatever a service prints is no report
    order = json.loads(sys.stdin.read())
    overheard, guard = LogCapture(), Guard()
    try:
        made = deliver(order, overheard, guard)
    except Exception as failure:  # the top of the process: Apprise's plugins raise what they like
        made = {"broken": type(failure).__name__}
    made |= {"refused": guard.refused[:1], "said": " ".join(overheard.lines[-SHOWN_LINES:])}
    report.write(json.dumps(made))
    report.flush()
    return 0


def _limit_memory() -> None:
    """A service that answers with gigabytes costs this process only."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


if __name__ == "__main__":
    sys.exit(main())
