"""Log-in, log-out, the password, two-factor login, API keys and sessions."""

from app.api.deps import CurrentCaller, RowId
from app.api.policy import Access, RoutePolicy
from app.api.refusals import (
    NO_API_KEY,
    NO_SESSION,
    PASSWORD_CHANGED,
    TOO_MANY_LOGINS,
    TWO_FACTOR_IS_OFF,
    TWO_FACTOR_IS_ON,
    UNAVAILABLE,
    WRONG_LOGIN,
    errors,
)
from app.api.routing import ApiRouter
from app.api.services import Accounts, ApiKeys, CallOrigin, Sessions, TwoFactor
from app.api.session_cookie import Cookie
from app.api.tags import Tag
from app.auth.schemas import (
    ApiKeyIn,
    ApiKeyMadeOut,
    ApiKeyOut,
    LoginIn,
    LoginOut,
    MeOut,
    PasswordIn,
    RecoveryCodesOut,
    SessionOut,
    TwoFactorDisableIn,
    TwoFactorEnableIn,
    TwoFactorSetupIn,
    TwoFactorSetupOut,
)
from app.core.schemas import MessageReply, Reply

router = ApiRouter(tag=Tag.AUTH, prefix="/api/auth")


@router.post("/login", summary="Log in", responses=errors(WRONG_LOGIN, TOO_MANY_LOGINS, UNAVAILABLE))
@RoutePolicy(Access.PUBLIC)
async def login(body: LoginIn, accounts: Accounts, origin: CallOrigin, cookie: Cookie) -> Reply[LoginOut]:
    """Sets the cookie `huntarr_session`. The browser's previous session ends."""
    opened = cookie.set(await accounts.login(body, origin, replaces=cookie.digest))
    return Reply[LoginOut](data=LoginOut.model_validate(opened), message="Logged in")


@router.post("/logout", summary="Log out")
@RoutePolicy(Access.SESSION_ONLY)
async def logout(caller: CurrentCaller, sessions: Sessions, cookie: Cookie) -> MessageReply:
    """Ends this session."""
    await sessions.end(caller)
    cookie.clear()
    return MessageReply(message="Logged out")


@router.get("/me", summary="Current caller")
@RoutePolicy(Access.READ)
async def get_me(caller: CurrentCaller, accounts: Accounts, cookie: Cookie) -> Reply[MeOut]:
    return Reply[MeOut](data=await accounts.me(caller, cookie.csrf_token))


@router.post("/password", summary="Change password", responses=errors(PASSWORD_CHANGED, TOO_MANY_LOGINS))
@RoutePolicy(Access.SESSION_ONLY)
async def change_password(
    body: PasswordIn, caller: CurrentCaller, accounts: Accounts, origin: CallOrigin, cookie: Cookie
) -> Reply[LoginOut]:
    """Ends all other sessions; this one continues with a new cookie and CSRF token."""
    opened = cookie.set(await accounts.change_password(body, caller, origin))
    return Reply[LoginOut](data=LoginOut.model_validate(opened), message="Password changed")


@router.post("/2fa/setup", summary="Set up two-factor login", responses=errors(TWO_FACTOR_IS_ON, TOO_MANY_LOGINS))
@RoutePolicy(Access.SESSION_ONLY)
async def set_up_two_factor(
    body: TwoFactorSetupIn, caller: CurrentCaller, two_factor: TwoFactor, origin: CallOrigin
) -> Reply[TwoFactorSetupOut]:
    """Returns a new secret. Nothing changes until `enable` gets a code that was made with it."""
    return Reply[TwoFactorSetupOut](data=await two_factor.set_up(body, caller, origin))


@router.post("/2fa/enable", summary="Enable two-factor login", responses=errors(TWO_FACTOR_IS_ON, TOO_MANY_LOGINS))
@RoutePolicy(Access.SESSION_ONLY)
async def enable_two_factor(
    body: TwoFactorEnableIn, caller: CurrentCaller, two_factor: TwoFactor, origin: CallOrigin
) -> Reply[RecoveryCodesOut]:
    """Returns ten recovery codes, which are shown only here. Ends all other sessions."""
    codes = await two_factor.enable(body, caller, origin)
    return Reply[RecoveryCodesOut](data=RecoveryCodesOut(recovery_codes=codes), message="Two-factor login enabled")


@router.post("/2fa/disable", summary="Disable two-factor login", responses=errors(TWO_FACTOR_IS_OFF, TOO_MANY_LOGINS))
@RoutePolicy(Access.SESSION_ONLY)
async def disable_two_factor(
    body: TwoFactorDisableIn, caller: CurrentCaller, two_factor: TwoFactor, origin: CallOrigin
) -> MessageReply:
    await two_factor.disable(body, caller, origin)
    return MessageReply(message="Two-factor login disabled")


@router.get("/api-keys", summary="API keys")
@RoutePolicy(Access.SESSION_ONLY)
async def list_api_keys(keys: ApiKeys) -> Reply[list[ApiKeyOut]]:
    return Reply[list[ApiKeyOut]](data=await keys.all())


@router.post("/api-keys", status_code=201, summary="Create API key")
@RoutePolicy(Access.SESSION_ONLY)
async def create_api_key(body: ApiKeyIn, keys: ApiKeys) -> Reply[ApiKeyMadeOut]:
    """`key` is shown only here."""
    return Reply[ApiKeyMadeOut](data=await keys.create(body), message="API key created")


@router.delete("/api-keys/{key_id}", summary="Delete API key", responses=errors(NO_API_KEY))
@RoutePolicy(Access.SESSION_ONLY)
async def delete_api_key(key_id: RowId, keys: ApiKeys) -> MessageReply:
    """The key stops working at once."""
    await keys.delete(key_id)
    return MessageReply(message="API key deleted")


@router.get("/sessions", summary="Sessions")
@RoutePolicy(Access.SESSION_ONLY)
async def list_sessions(caller: CurrentCaller, sessions: Sessions) -> Reply[list[SessionOut]]:
    return Reply[list[SessionOut]](data=await sessions.all(caller))


@router.delete("/sessions/{session_id}", summary="End session", responses=errors(NO_SESSION))
@RoutePolicy(Access.SESSION_ONLY)
async def delete_session(session_id: RowId, sessions: Sessions) -> MessageReply:
    await sessions.revoke(session_id)
    return MessageReply(message="Session ended")
