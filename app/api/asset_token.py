"""Tickets: how the files of `/docs` are fetched by a browser that was let in by `?apikey=`.

A browser sends no header with the scripts and styles of a page, and a key in their addresses would end in logs. So the
page hands out a cookie for its own folder: HttpOnly, SameSite=Strict, valid for minutes, good for these files only.
Its value is an end time sealed with the installation's secret key (Fernet): nothing to store and nothing to forge.
"""

from datetime import UTC, datetime, timedelta

from starlette.requests import Request

from app.api.auth import has_credentials
from app.auth.callers import Caller, CallerKind, Scope
from app.secrets.box import SecretBox

TICKET_COOKIE = "huntarr_docs"
VALID_FOR = timedelta(minutes=10)
_PURPOSE = "docs ticket "
_LONGEST = 500


def issue(box: SecretBox, now: datetime) -> str:
    return box.encrypt(f"{_PURPOSE}{(now + VALID_FOR).astimezone(UTC).isoformat()}")


def is_valid(box: SecretBox, text: str, now: datetime) -> bool:
    """Whether we issued `text` and its time is not over."""
    if len(text) > _LONGEST:
        return False
    plain = box.try_decrypt(text) or ""
    return plain.startswith(_PURPOSE) and now < datetime.fromisoformat(plain.removeprefix(_PURPOSE))


def by_ticket(request: Request, box: SecretBox, now: datetime) -> Caller | None:
    """Who shows a valid ticket; whoever shows any credential besides is judged by that one."""
    text = request.cookies.get(TICKET_COOKIE, "")
    if has_credentials(request) or not is_valid(box, text, now):
        return None
    return Caller(CallerKind.API_KEY, "docs ticket", Scope.READ)
