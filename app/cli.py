"""The command line `huntarr`; the only module that imports both the API and the worker."""

import argparse
import asyncio
import errno
import gc
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, redirect_stdout
from functools import partial
from getpass import getpass
from pathlib import Path

import structlog
import uvicorn

try:
    import uvloop
except ImportError:  # not available on Windows
    uvloop = None  # type: ignore[assignment] # the module may be absent

from app import __version__
from app.api.gateway import Gateway
from app.api.openapi import document, render
from app.api.server import protocol_for
from app.auth.callers import Scope
from app.auth.keys import read_api_key
from app.auth.schemas import ApiKeyMadeOut
from app.container import Container, open_container
from app.core.config import Config, our_environment, read_config
from app.core.embedded_redis import embedded_redis
from app.core.environment import NEW_SECRET_KEY, given_secret
from app.core.errors import HuntarrError, StartFailed
from app.core.heartbeat import GATEWAYS, registered
from app.core.logging import setup_logging
from app.core.migrations import migrate
from app.core.time_zone import local_zone
from app.core.urls import shown_database, shown_redis
from app.main import create_app
from app.secrets.keyfile import KEY_FILE, previous_file
from app.secrets.rotation import rotate
from app.tables import METADATA
from worker.main import embedded, run_alone

log = structlog.get_logger(__name__)

DOCUMENT = Path("openapi.json")
GRACE_SECONDS = 6
"""For running requests after SIGTERM. The whole shutdown takes 20 seconds at most, which a test adds up."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    options = command_line().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except (StartFailed, HuntarrError) as failure:
        print(f"huntarr: {failure}", file=sys.stderr)  # noqa: T201 - the one sentence of a failed start
        return 1
    except KeyboardInterrupt:
        return 130


def command_line() -> argparse.ArgumentParser:
    """All commands with their options."""
    parser = argparse.ArgumentParser(prog="huntarr", description="Goes back for what your libraries still lack.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="command")
    serve = commands.add_parser("serve", help="serve the API; without HUNTARR_REDIS_URL with its own Redis")
    serve.add_argument("--no-worker", action="store_true", help="leave the hunting to `huntarr worker` processes")
    serve.set_defaults(command=_serve)
    worker = commands.add_parser("worker", help="hunt; any number of processes may do so")
    worker.set_defaults(command=_worker)
    upgrade = commands.add_parser("migrate", help="bring the database to this version's schema")
    upgrade.set_defaults(command=_migrate)
    rotation = commands.add_parser(
        "rotate-key",
        help="encrypt the stored secrets with a new key",
        description="Encrypts the stored secrets with a new key, all or none. The key file gets a new key by itself. "
        "Where HUNTARR_SECRET_KEY is set it is the old key, and the new one is read from HUNTARR_NEW_SECRET_KEY, else "
        "from one line of standard input. Stop Huntarr first; back up first.",
    )
    rotation.add_argument("--all-stopped", action="store_true", help="do not ask Redis whether Huntarr still runs")
    rotation.set_defaults(command=_rotate_key)
    reset = commands.add_parser(
        "reset-password",
        help="give the owner a new password",
        description="Asks for the new password, twice and unseen. All sessions end; API keys stay.",
    )
    reset.add_argument("--password-stdin", action="store_true", help="read one line of standard input instead")
    reset.add_argument("--disable-2fa", action="store_true", help="turn two-factor login off too")
    reset.set_defaults(command=_reset_password)
    _add_api_key(commands)
    openapi = commands.add_parser("openapi", help="print the OpenAPI document")
    openapi.add_argument("--write", action="store_true", help=f"write it to {DOCUMENT} instead")
    openapi.set_defaults(command=_openapi)
    return parser


def _add_api_key(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    keys = commands.add_parser("api-key", help="make API keys").add_subparsers(required=True, metavar="command")
    create = keys.add_parser(
        "create",
        help="make an API key and print it",
        description="Prints the key, which is shown only this once, and nothing else, so that "
        "KEY=$(huntarr api-key create --scope read) works. Huntarr may be running; no owner is needed.",
    )
    create.add_argument("--scope", required=True, choices=list(Scope), help="read: may only GET")
    create.add_argument("--name", default="command line", help="shown in the list of keys")
    create.add_argument("--expires-at", metavar="TIME", help="such as 2027-11-23T16:00:00Z; without it never")
    create.set_defaults(command=_create_api_key)


def _serve(options: argparse.Namespace) -> int:
    config = _configure()
    listener = _listen(config)
    with listener:
        return _run(_serve_until_stopped(config, listener, with_worker=not options.no_worker))


def _worker(_options: argparse.Namespace) -> int:
    config = _configure()

    async def work() -> int:
        await migrate(config)
        async with _redis(config), open_container(config) as container, container.logs.writer.running():
            log.info("huntarr works", **await _whereabouts(container))
            await run_alone(container)
        return 0

    return _run(work())


def _migrate(_options: argparse.Namespace) -> int:
    changed = asyncio.run(migrate(_configure()))
    log.info("database upgraded" if changed else "database is up to date")
    return 0


def _reset_password(options: argparse.Namespace) -> int:
    config = _configure()
    password = _password_from_stdin() if options.password_stdin else _password_from_prompt()

    async def reset() -> str:
        await migrate(config)
        async with open_container(config) as container:
            return await container.auth.accounts.reset_password(password, disable_two_factor=options.disable_2fa)

    name = asyncio.run(reset())
    print(f"{name} has a new password; all sessions have ended.")  # noqa: T201 - the answer to the command
    return 0


def _create_api_key(options: argparse.Namespace) -> int:
    given = read_api_key({"name": options.name, "scope": options.scope, "expires_at": options.expires_at})

    async def create() -> ApiKeyMadeOut:
        config = _configure()
        await migrate(config)
        async with open_container(config) as container:
            return await container.auth.keys.create_from_command_line(given)

    with redirect_stdout(sys.stderr):  # log lines
        made = asyncio.run(create())
    print(f"A key of scope {made.scope}; it is shown only now:", file=sys.stderr)  # noqa: T201 - for the person
    print(made.key)  # noqa: T201 - the answer to the command
    return 0


def _password_from_stdin() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def _password_from_prompt() -> str:
    """Asks twice. Passwords are never arguments, which every user of the machine could read."""
    password = getpass("New password: ")
    if getpass("Once more: ") != password:
        raise StartFailed("The two passwords differ; nothing was changed.")
    return password


def _rotate_key(options: argparse.Namespace) -> int:
    config = _configure()

    async def rotation() -> int:
        await migrate(config)
        return await rotate(config, METADATA, _new_key(config), all_stopped=options.all_stopped)

    count = asyncio.run(rotation())
    path = config.data_dir.resolve() / KEY_FILE
    if config.secret_key is None:
        what = f"The new key is in {path}; backups made before need the old one, kept in {previous_file(path).name}."
    else:
        what = "Set HUNTARR_SECRET_KEY to the new key before the next start; backups made before need the old one."
    print(f"{count} secrets are encrypted with the new key. {what}")  # noqa: T201 - what the user must know next
    return 0


def _new_key(config: Config) -> str | None:
    """From the environment or standard input; arguments could be read by every user of the machine."""
    given = given_secret(os.environ, NEW_SECRET_KEY) or ""
    if config.secret_key is None:
        if given:
            raise StartFailed("HUNTARR_NEW_SECRET_KEY goes with HUNTARR_SECRET_KEY; the key file gets its own new key.")
        return None
    if not given and sys.stdin.isatty():
        given = getpass("New key (at least 32 characters; not shown): ")
    return (given or sys.stdin.readline()).strip()


def _openapi(options: argparse.Namespace) -> int:
    text = render(document(create_app()))
    if options.write:
        DOCUMENT.write_text(text)
    else:
        sys.stdout.write(text)
    return 0


def _configure() -> Config:
    environment = our_environment()
    config = read_config(environment)
    os.umask(0o077)  # files in the data folder are readable by us only
    setup_logging(config.log_level, config.log_format)
    for remark in environment.remarks:
        log.warning(remark.event, **remark.fields)
    zone = local_zone(os.environ)
    if zone.not_understood is not None:
        log.warning("TZ is not understood", given=zone.not_understood, time_zone=zone.name)
    return config


def _run(work: Coroutine[None, None, int]) -> int:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if uvloop else None) as runner:
        code = runner.run(_ended_by_sigterm(work))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # a signal during Python's own clean-up must not change the exit code
    return code


async def _ended_by_sigterm(work: Coroutine[None, None, int]) -> int:
    """SIGTERM during the start ends it, also where we are process 1 of a container, which the kernel does not kill.

    What serves or works replaces the handler by its own.
    """
    task = asyncio.create_task(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        current = asyncio.current_task()
        if current is not None and current.cancelling():  # Ctrl-C
            raise
        return 0


async def _serve_until_stopped(config: Config, listener: socket.socket, *, with_worker: bool) -> int:
    await migrate(config)
    # Opened here and not by the application, so that a failed start prints one sentence instead of a traceback.
    async with _redis(config), open_container(config) as container, container.logs.writer.running():
        app = create_app(
            config,
            open_container=lambda _: nullcontext(container),
            background=_with_worker if with_worker else _registered_gateway,
        )
        server = Gateway(
            partial(_end_waits, container),
            uvicorn.Config(
                app,
                http=protocol_for(config.trusted_proxies),
                ws="none",
                log_config=None,
                access_log=False,
                proxy_headers=False,  # app/api/client_address.py reads them
                server_header=False,
                date_header=False,
                lifespan="on",
                timeout_graceful_shutdown=GRACE_SECONDS,
            ),
        )
        gc.collect()
        gc.freeze()  # objects of the start live for ever, so no later collection needs to visit them
        address = _announce(config, listener, await _whereabouts(container))
        await _announce_setup(container, address)
        await server.serve(sockets=[listener])
        return 0 if server.started else 1


def _end_waits(container: Container) -> None:
    """Answer requests that would wait for longer than the process lives."""
    container.events.hub.end()
    container.hunting.service.end_waits()


@asynccontextmanager
async def _registered_gateway(container: Container) -> AsyncIterator[None]:
    """Registers the process, which runs no worker."""
    async with registered(container.infra.redis, container.infra.clock, GATEWAYS):
        yield


@asynccontextmanager
async def _with_worker(container: Container) -> AsyncIterator[None]:
    async with _registered_gateway(container), embedded(container):
        yield


def _redis(config: Config) -> AbstractAsyncContextManager[None]:
    return embedded_redis(config) if config.redis_url is None else nullcontext()


def _listen(config: Config) -> socket.socket:
    """Called first: an occupied port must fail the start before anything else happens."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    # The explicit protocol switches TCP_NODELAY on; without it each reply waits 40 ms for an acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
        listener.listen(2048)
    except OSError as failure:
        listener.close()
        if isinstance(failure, socket.gaierror) or failure.errno == errno.EADDRNOTAVAIL:
            raise StartFailed("HUNTARR_HOST is wrong: this machine has no such address.") from None
        raise StartFailed(f"Cannot listen on port {config.port} (HUNTARR_PORT): {failure.strerror}.") from None
    listener.setblocking(False)
    return listener


def _announce(config: Config, listener: socket.socket, whereabouts: dict[str, str]) -> str:
    host, port = listener.getsockname()[:2]
    shown = "localhost" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host  # noqa: S104
    address = f"http://{shown}:{port}{config.base_url}"
    log.info("huntarr listens", url=address, docs=f"{address}/docs", **whereabouts)
    return address


async def _whereabouts(container: Container) -> dict[str, str]:
    """What a start says of itself: the version, where everything lies, and the time zone in force."""
    config = container.infra.config
    return {
        "version": __version__,
        "data_folder": str(config.data_dir.resolve()),
        "database": shown_database(config.database),
        "redis": "embedded" if config.redis_url is None else shown_redis(config.redis_url.get_secret_value()),
        "time_zone": (await container.settings.general()).timezone,
    }


async def _announce_setup(container: Container, address: str) -> None:
    """Print a link to the set-up while there is no owner. Not in the log, which is stored and passed on."""
    accounts = container.auth.accounts
    if not await accounts.has_owner():
        address = (await container.settings.general()).public_url or address
        text = (
            "There is no owner yet. This link makes you the owner; elsewhere put the name of this machine in it:\n"
            f"  {address}/setup#token={accounts.setup_token()}"
        )
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - meant for the person at the terminal


if __name__ == "__main__":
    sys.exit(main())
