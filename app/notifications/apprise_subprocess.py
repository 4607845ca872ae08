"""Passes one message to Apprise in a process of its own: `python -m app.notifications.apprise_subprocess`.

Apprise makes connections, and some of its services read files and start programs that an address names. This process
protects Huntarr from them: it has neither our settings nor our environment, its memory is limited, it is killed after a
timeout, and a guard checks every connection, file and program. The guard sees the address that the socket connects to,
so redirects and resolved names do not get around it.
"""

import json
import logging
import os
import re
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
MAX_LINES: Final = 4
MAX_LINE_LENGTH: Final = 1000
LEFT_OUT: Final = re.compile(r"\b(dropped|dropping|ignored|ignoring|invalid)\b", re.IGNORECASE)
"""Apprise's warning when it leaves out a part of an address."""
NOTIFY_TYPES: Final = {"info": "info", "warning": "warning", "error": "failure", "success": "success"}
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
    """An audit hook: Python calls it before each of these operations. Only native code could bypass it."""

    def __init__(self) -> None:
        paths = {*sysconfig.get_paths().values(), *site.getsitepackages(), sys.prefix, sys.base_prefix}
        certificates = ssl.get_default_verify_paths()
        paths |= {path for path in (certificates.cafile, certificates.capath) if path}
        paths |= {os.environ[name] for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE") if os.environ.get(name)}
        self._readable = tuple(os.path.realpath(path) for path in (*paths, *READABLE))
        self.refused: list[str] = []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            self._check_address(arguments[0].family, arguments[1])
        elif event == "open":
            self._check_file(*arguments)
        elif event in PROGRAMS or event in CHANGES:
            self._refuse("It would start a program or change a file here, which notifications must not.")

    def _check_address(self, family: int, address: Any) -> None:
        if family not in (socket.AF_INET, socket.AF_INET6):
            self._refuse("It would use a local socket, which notifications must not.")
        if address is None:  # the socket is connected already
            return
        try:
            is_bad = is_blocked(str(address[0]))
        except ValueError:  # a name: the address behind it would not be checked
            is_bad = True
        if is_bad:
            self._refuse("It points to a link-local, metadata, multicast or unspecified address.")

    def _check_file(self, path: Any, mode: str | None, flags: int) -> None:
        """Only Python's own files and certificates may be read, and nothing written."""
        if isinstance(path, int):
            return
        is_writing = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND))
        real = os.path.realpath(os.fsdecode(path))
        if is_writing or not any(real == path or real.startswith(path + os.sep) for path in self._readable):
            self._refuse("It would read or write a file here, which notifications must not.")

    def _refuse(self, sentence: str) -> None:
        self.refused.append(sentence)
        raise PermissionError(sentence)


class LogCapture(logging.Handler):
    """Collects Apprise's warnings and the bodies of error responses."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        is_response = text.startswith("Response Details:") and len(text) > len("Response Details:\r\nb''")
        if record.levelno >= logging.WARNING or is_response:
            self.lines.append(text[:MAX_LINE_LENGTH])


def deliver(request: dict[str, Any], capture: LogCapture, guard: Guard) -> dict[str, Any]:
    """Send to each address, or with `check` only find out whether Apprise can read them; returns a report."""
    import apprise  # here: before the guard is active, and only in this process

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
    logging.getLogger("apprise").handlers = [capture]
    logging.getLogger("apprise").setLevel(logging.DEBUG)
    sys.addaudithook(guard)
    services, unreadable = [], []
    for index, url in enumerate(request["urls"]):
        begin = len(capture.lines)
        service = apprise.Apprise.instantiate(url, asset=asset)
        if service is not None and request.get("mail"):
            _address_exactly(service, **request["mail"])
        elif service is None or _is_partly_read(service, url, capture.lines[begin:]):
            unreadable.append(index)
        services.append(service)
    if unreadable or request.get("check"):
        return {"unreadable": unreadable}
    failed = [index for index, service in enumerate(services) if not _send(apprise, service, request, asset)]
    return {"failed": failed, "count": len(services)}


def _address_exactly(service: Any, sender: str, recipients: Sequence[str]) -> None:
    """The addresses as the user gave them. Apprise reads `o'neil@example.com` as `neil@example.com` [tried]."""
    service.from_addr = (service.from_addr[0], sender)
    service.targets = [(False, recipient) for recipient in recipients]


def _is_partly_read(service: Any, url: str, warnings: Sequence[str]) -> bool:
    """Whether Apprise left out a recipient of the address, or made another one of it."""
    if any(LEFT_OUT.search(line) for line in warnings):
        return True
    if service.secure_protocol != "mailtos":
        return False
    read = type(service).parse_url(url) or {}
    texts = (_joined(read.get(name)) for name in ("targets", "cc", "bcc"))
    given = {address for text in texts for piece in re.split("[,;]", text) for address in _addresses_in(piece)}
    return not given <= {address for _, address in service.targets} | set(service.cc) | set(service.bcc)


def _addresses_in(piece: str) -> list[str]:
    """Of `Name <address>` or of addresses with blanks between them."""
    name, mark, rest = piece.partition("<")
    return [rest.partition(">")[0].strip()] if mark else name.split()


def _joined(given: Any) -> str:
    return given if isinstance(given, str) else ",".join(map(str, given or ()))


def _send(apprise: Any, service: Any, request: dict[str, Any], asset: Any) -> bool:
    service.redirects = False
    service.socket_connect_timeout = min(service.socket_connect_timeout, CONNECT_SECONDS)
    service.socket_read_timeout = min(service.socket_read_timeout, READ_SECONDS)
    return bool(
        apprise.Apprise(service, asset=asset).notify(
            title=request["title"],
            body=request["body"],
            notify_type=apprise.NotifyType(NOTIFY_TYPES[request["type"]]),
            body_format=apprise.NotifyFormat.TEXT,
        )
    )


def main(arguments: Sequence[str] = ()) -> int:
    """One request on standard input, one report on standard output, both JSON."""
    _limit_memory()
    report, sys.stdout = sys.stdout, sys.stderr  # a service's own prints must not mix with the report
    request = json.loads(sys.stdin.read())
    capture, guard = LogCapture(), Guard()
    try:
        result = deliver(request, capture, guard)
    except Exception:  # the top of the process: Apprise's plugins raise any exception
        result = {"crashed": True}
    result |= {"refused": next(iter(guard.refused), None), "response": " ".join(capture.lines[-MAX_LINES:])}
    report.write(json.dumps(result))
    report.flush()
    return 0


def _limit_memory() -> None:
    """A response of gigabytes ends only this process."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


if __name__ == "__main__":
    sys.exit(main())
