"""Asset tokens: how a browser that opened `/docs?apikey=` fetches the files of that page.

A browser sends no header with the scripts and styles of a page, and a key in their addresses would end in logs. So the
page sets a cookie for its own folder: HttpOnly, SameSite=Strict, valid for minutes, good for these files only.
Its value is an end time encrypted with the installation's secret key (Fernet): nothing has to be stored.
"""

from datetime import UTC, datetime, timedelta

from starlette.requests import Request

from app.api.auth import has_credentials
from app.api.deps import container_of
from app.auth.callers import Caller, CallerKind, Scope
from app.secrets.box import SecretBox

COOKIE = "huntarr_docs"
VALID_FOR = timedelta(minutes=10)
_PURPOSE = "docs asset token "
_MAX_LENGTH = 500


def issue(box: SecretBox, now: datetime) -> str:
    return box.encrypt(f"{_PURPOSE}{(now + VALID_FOR).astimezone(UTC).isoformat()}")


def is_valid(box: SecretBox, token: str, now: datetime) -> bool:
    """Whether we issued `token` and it has not expired."""
    plain = box.try_decrypt(token) if len(token) <= _MAX_LENGTH else None
    if plain is None or not plain.startswith(_PURPOSE):
        return False
    return now < datetime.fromisoformat(plain.removeprefix(_PURPOSE))


async def asset_caller(request: Request) -> Caller | None:
    """Who shows a valid token; None when the request carries any other credential, which is then checked instead."""
    token = request.cookies.get(COOKIE)
    if token is None or has_credentials(request):
        return None
    infra = container_of(request).infra
    if not is_valid(infra.box, token, infra.clock()):
        return None
    return Caller(CallerKind.API_KEY, "docs asset token", Scope.READ)
