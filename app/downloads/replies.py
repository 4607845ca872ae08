"""What the download clients have in common: failures as sentences, and values that are read with care."""

import base64
from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Final

from app.downloads.models import ClientConnection
from app.http.bodies import Json, clean_text, parse_json
from app.http.errors import BadBody, HttpError, HttpErrorCode
from app.http.failures import TRANSIENT_STATUSES, status_code
from app.http.messages import Endpoint, HttpReply, shown

MAX_SIZE: Final = 2**53
"""Of a file in bytes; a larger number is no size (qBittorrent has sent overflown ones)."""
MAX_PATH_LENGTH: Final = 4096


class ClientErrorCode(StrEnum):
    """Besides those of every HTTP request (`HttpErrorCode`)."""

    REFUSED_RELEASE = "refused_release"
    WRONG_KIND = "wrong_kind"


class ClientFailed(HttpError):
    """A download client does not do what it was asked."""


class Refused(ClientFailed):
    """A download client does not take a release; another release may be taken."""


def client_failed(code: StrEnum, message: str, *, status: int | None = None) -> ClientFailed:
    return ClientFailed(code, message, may_have_reached=True, http_status=status)


def refused_release(client: str, why: str | None = None) -> Refused:
    """`why` is in the words of the client."""
    sentence = f"{client} does not take the release: {why.rstrip('.')}." if why else f"{client} refuses the release."
    return Refused(ClientErrorCode.REFUSED_RELEASE, sentence, may_have_reached=True)


def wrong_kind(client: str, takes: str) -> Refused:
    """For a release that is no torrent, or no NZB; `takes` is what the client takes."""
    sentence = f"{client} takes {takes} only, and the release is something else."
    return Refused(ClientErrorCode.WRONG_KIND, sentence, may_have_reached=False)


def held_by_other(client: str, category: str) -> Refused:
    """For a torrent that another program or the user has put into the client."""
    words = f"it has the torrent already, in its category {shown(category)}"
    return refused_release(client, words)


def unauthorized(client: str, what: str, *, status: int | None = None) -> ClientFailed:
    """`what` is what the client wants to know us by, such as "the user name or the password"."""
    return client_failed(HttpErrorCode.UNAUTHORIZED, f"{client} does not accept {what}.", status=status)


def not_the_client(client: str, endpoint: Endpoint, *, status: int | None = None) -> ClientFailed:
    sentence = f"What answers at {endpoint.origin} is not {client}: check the URL, its port and its base path."
    return client_failed(HttpErrorCode.BAD_RESPONSE, sentence, status=status)


def status_failed(client: str, endpoint: Endpoint, reply: HttpReply, what: str) -> ClientFailed:
    """The failure that a status stands for which is no success."""
    status = reply.status
    if status in (401, 403):
        return unauthorized(client, what, status=status)
    if status == 404 or 300 <= status < 400:
        return not_the_client(client, endpoint, status=status)
    sentence = f"{client} at {endpoint.origin} answers with status {status}."
    transient = status in TRANSIENT_STATUSES
    return ClientFailed(status_code(status), sentence, may_have_reached=True, http_status=status, transient=transient)


def read_json(client: str, endpoint: Endpoint, reply: HttpReply) -> Json:
    """The body as JSON; else the sentence that this is not the client."""
    try:
        return parse_json(reply.body or b"")
    except BadBody as broken:
        raise not_the_client(client, endpoint, status=reply.status) from broken


def cookie_of(reply: HttpReply) -> str:
    """What the reply sets, as the next request sends it. Names depend on the version, and may on the port."""
    return "; ".join(each.partition(";")[0].strip() for each in reply.headers.get_list("set-cookie"))


def endpoint_of(connection: ClientConnection, noun: str, headers: Mapping[str, str] | None = None) -> Endpoint:
    """`noun` is the client's name."""
    return Endpoint(
        connection.url,
        headers or {},
        timeout_seconds=connection.timeout_seconds,
        verify_tls=connection.verify_tls,
        noun=noun,
    )


def basic_auth(connection: ClientConnection) -> dict[str, str]:
    """The header of HTTP's basic authentication (RFC 7617)."""
    secret = f"{connection.username}:{connection.password}".encode()
    return {"Authorization": f"Basic {base64.b64encode(secret).decode()}"}


def number(value: object) -> float | None:
    """A number, also one that is written as text; `None` for anything else and for what is beyond any size."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if -MAX_SIZE <= found <= MAX_SIZE else None


def size(value: object) -> int | None:
    """A number of bytes."""
    found = number(value)
    return None if found is None or found < 0 else int(found)


def flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def path_text(value: object) -> str:
    """A path or a name as the client gives it, without NUL; empty for anything else."""
    return value[:MAX_PATH_LENGTH].replace("\0", "") if isinstance(value, str) else ""


def rows(value: object) -> Sequence[Mapping[str, Json]]:
    """The objects of a list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def words_of(value: object) -> str | None:
    """What the client says, on one line."""
    return clean_text(value)


def joined(folder: str, name: str) -> str | None:
    """The path of `name` in `folder`, in the manner of the folder; `None` when one of them is not known."""
    if not folder or not name:
        return None
    is_of_windows = "\\" in folder and "/" not in folder
    slash = "\\" if is_of_windows else "/"
    return folder.rstrip(slash) + slash + name


def is_whole(path: str) -> bool:
    """Whether the path begins at a root, of Unix or of Windows."""
    return path.startswith(("/", "\\")) or path[1:2] == ":"


def same_folder(path: str, other: str) -> bool:
    return path.rstrip("/\\") == other.rstrip("/\\")


def minutes_of(time: timedelta) -> int:
    """Whole minutes, rounded up: a seed goal is at least met."""
    return max(1, -(-int(time.total_seconds()) // 60))


def gone(client: str) -> ClientFailed:
    return client_failed(HttpErrorCode.NOT_FOUND, f"{client} has this download no longer.")
