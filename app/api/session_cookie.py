"""The session cookie: read, set and cleared."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from app.api.auth import SESSION_COOKIE, session_tokens
from app.api.context import context_of
from app.api.deps import container_of
from app.auth.sessions import OpenedSession, csrf_of
from app.secrets.box import key_digest


class SessionCookie:
    """The session cookie of a request and of its reply."""

    def __init__(self, request: Request, response: Response) -> None:
        tokens = session_tokens(request)
        self._token = tokens[0] if len(tokens) == 1 else ""
        self._now = container_of(request).infra.clock()
        self._path = request.scope.get("root_path") or "/"
        self._is_https = context_of(request.scope).is_https
        self._response = response

    @property
    def digest(self) -> bytes | None:
        return key_digest(self._token) if self._token else None

    @property
    def csrf_token(self) -> str | None:
        return csrf_of(self._token) if self._token else None

    def set(self, opened: OpenedSession) -> OpenedSession:
        self._response.set_cookie(
            SESSION_COOKIE,
            opened.token,
            max_age=max(1, int((opened.expires_at - self._now).total_seconds())),
            path=self._path,
            secure=self._is_https,
            httponly=True,
            samesite="lax",
        )
        return opened

    def clear(self) -> None:
        self._response.delete_cookie(
            SESSION_COOKIE, path=self._path, secure=self._is_https, httponly=True, samesite="lax"
        )


async def get_session_cookie(request: Request, response: Response) -> SessionCookie:
    return SessionCookie(request, response)


Cookie = Annotated[SessionCookie, Depends(get_session_cookie)]
