"""The OpenAPI document, and the page `/docs` that shows it: Swagger UI from our own files, no CDN."""

import asyncio
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from app.api import asset_token
from app.api.context import context_of
from app.api.deps import CurrentContainer
from app.api.openapi import document, render
from app.api.packed import PackedText
from app.api.policy import Access, RoutePolicy
from app.api.routing import ApiRouter
from app.api.tags import Tag
from app.core.errors import NotFound

STATIC: Final = Path(__file__).parents[1] / "static"
ASSETS: Final = {
    "start.js": (STATIC / "start.js", "text/javascript"),
    "swagger-ui-bundle.js": (STATIC / "swagger" / "swagger-ui-bundle.js", "text/javascript"),
    "swagger-ui.css": (STATIC / "swagger" / "swagger-ui.css", "text/css"),
    "favicon-32x32.png": (STATIC / "swagger" / "favicon-32x32.png", "image/png"),
}
# Only our own scripts. Swagger UI sets style attributes, so inline styles are allowed.
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

router = ApiRouter(tag=Tag.SYSTEM)


@router.get("/api/openapi.json", include_in_schema=False)
@RoutePolicy(Access.READ, etag=True)
async def get_document(request: Request, container: CurrentContainer) -> Response:
    """The committed `openapi.json`, byte for byte; built at the first call and kept with the application."""
    state = request.app.state
    if not hasattr(state, "document"):
        # In a thread: FastAPI takes a second for it.
        state.document = await asyncio.to_thread(_packed_document, request.app, container.infra.config.base_url)
    packed: PackedText = state.document
    return packed.reply(request)


@router.get("/", include_in_schema=False)
@RoutePolicy(Access.READ, html=True)
async def get_start(request: Request) -> Response:
    """The bare address leads to the documentation."""
    return RedirectResponse(f"{request.scope.get('root_path', '')}/docs", 303)


@router.get("/docs", include_in_schema=False)
@RoutePolicy(Access.READ, html=True)
async def get_docs(request: Request, container: CurrentContainer) -> Response:
    """The page, with a cookie that gives access to its files (`asset_token.py`)."""
    shown = FileResponse(STATIC / "docs.html", media_type="text/html", headers={"Content-Security-Policy": PAGE_POLICY})
    shown.set_cookie(
        asset_token.COOKIE,
        asset_token.issue(container.infra.box, container.infra.clock()),
        max_age=int(asset_token.VALID_FOR.total_seconds()),
        path=f"{request.scope.get('root_path', '')}/docs",
        secure=context_of(request.scope).is_https,
        httponly=True,
        samesite="strict",
    )
    return shown


@router.get("/docs/{asset}", include_in_schema=False)
@RoutePolicy(Access.READ, resolve=asset_token.asset_caller)
async def get_docs_asset(asset: str, request: Request) -> Response:
    if asset not in ASSETS:
        raise NotFound("There is nothing at this address.")
    packed = await asyncio.to_thread(_packed_asset, asset)
    return packed.reply(request, {"Cache-Control": "private, max-age=3600"})


def _packed_document(app: FastAPI, base_url: str) -> PackedText:
    return PackedText(render(document(app, base_url=base_url)).encode(), "application/json")


@cache
def _packed_asset(name: str) -> PackedText:
    path, media_type = ASSETS[name]
    return PackedText(path.read_bytes(), media_type)
