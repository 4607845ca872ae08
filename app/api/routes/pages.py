"""The pages `/login` and `/setup` and their files: all that a caller without credentials may read."""

from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from app import __version__
from app.api.policy import Access, RoutePolicy
from app.api.routing import ApiRouter
from app.api.services import Accounts
from app.api.tags import Tag
from app.core.errors import NotFound

FOLDER: Final = Path(__file__).parents[1] / "static" / "pages"
ASSETS: Final = {"pages.js": "text/javascript", "pages.css": "text/css", "mark.svg": "image/svg+xml"}
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

router = ApiRouter(tag=Tag.AUTH)


@router.get("/login", include_in_schema=False)
@RoutePolicy(Access.PUBLIC)
async def get_login_page() -> Response:
    return _page("login")


@router.get("/setup", include_in_schema=False)
@RoutePolicy(Access.PUBLIC)
async def get_setup_page(request: Request, accounts: Accounts) -> Response:
    """Only while there is no owner. The link that the server prints brings the setup token along, as a fragment."""
    if await accounts.has_owner():
        return RedirectResponse(f"{request.scope.get('root_path', '')}/login", 303)
    return _page("setup")


@router.get("/pages/{asset}", include_in_schema=False)
@RoutePolicy(Access.PUBLIC)
async def get_page_asset(asset: str) -> Response:
    """A file of the fixed list; its address changes with the version."""
    if asset not in ASSETS:
        raise NotFound("There is nothing at this address.")
    return FileResponse(
        FOLDER / asset, media_type=ASSETS[asset], headers={"Cache-Control": "public, max-age=86400, immutable"}
    )


def _page(name: str) -> HTMLResponse:
    """The page; nothing of the request becomes part of it."""
    text = (FOLDER / f"{name}.html").read_text().replace("{{version}}", __version__)
    return HTMLResponse(text, headers={"Content-Security-Policy": POLICY})
