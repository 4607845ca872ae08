"""Creation of the owner: needs no credentials, and is possible only while there is no owner."""

from app.api.policy import Access, RoutePolicy
from app.api.refusals import OWNER_EXISTS_ALREADY, SETUP_TOKEN_NEEDED, TOO_MANY_LOGINS, UNAVAILABLE, errors
from app.api.routing import ApiRouter
from app.api.services import Accounts, CallOrigin
from app.api.tags import Tag
from app.auth.schemas import OwnerOut, SetupIn, SetupStatusOut
from app.core.schemas import Reply

router = ApiRouter(tag=Tag.AUTH, prefix="/api/setup")


@router.get("/status", summary="Setup status", responses=errors(UNAVAILABLE))
@RoutePolicy(Access.PUBLIC)
async def get_setup_status(accounts: Accounts) -> Reply[SetupStatusOut]:
    return Reply[SetupStatusOut](data=SetupStatusOut(setup_required=not await accounts.has_owner()))


@router.post(
    "",
    status_code=201,
    summary="Create owner",
    responses=errors(SETUP_TOKEN_NEEDED, OWNER_EXISTS_ALREADY, TOO_MANY_LOGINS, UNAVAILABLE),
)
@RoutePolicy(Access.PUBLIC)
async def create_owner(body: SetupIn, accounts: Accounts, origin: CallOrigin) -> Reply[OwnerOut]:
    """Possible once, with the `setup_token` that the server prints when it starts."""
    return Reply[OwnerOut](data=OwnerOut(username=await accounts.set_up(body, origin)), message="Owner created")
