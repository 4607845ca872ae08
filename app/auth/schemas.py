"""Bodies and replies: the owner, sessions, API keys and the audit trail."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field, SecretStr, StringConstraints

from app.auth.callers import CallerKind, Scope
from app.core.config import MAX_PASSWORD, MIN_PASSWORD
from app.core.fields import ShortName, checked_name
from app.core.schemas import In, Out, UtcTime, example

MAX_USERNAME_LENGTH = 64
YEARS = range(2000, 2200)  # the ends of the calendar cannot be converted to UTC


def _sane_year(moment: datetime) -> datetime:
    if moment.year not in YEARS:
        raise ValueError(f"must lie between {YEARS.start} and {YEARS.stop}")
    return moment


Trimmed = StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_USERNAME_LENGTH)
Username = Annotated[str, Trimmed, AfterValidator(checked_name)]
NewPassword = Annotated[SecretStr, Field(min_length=MIN_PASSWORD, max_length=MAX_PASSWORD)]
GivenPassword = Annotated[SecretStr, Field(min_length=1, max_length=MAX_PASSWORD)]
Code = Annotated[SecretStr, Field(max_length=64)]


class SetupStatusOut(Out):
    setup_required: bool = Field(description="True until there is an owner.")


class SetupIn(In):
    """The owner to create. `setup_token` is what the server printed at its start."""

    model_config = example(
        {"username": "owner", "password": "correct horse battery staple", "setup_token": "as-the-server-printed-it"}
    )

    username: Username = Field(examples=["owner"])
    password: NewPassword
    setup_token: Annotated[SecretStr, Field(max_length=200)] | None = Field(
        None, description="Asked of every caller: the server prints it at its start while there is no owner."
    )


class OwnerOut(Out):
    """The owner."""

    username: str


class LoginIn(In):
    model_config = example({"username": "owner", "password": "correct horse battery staple"})

    username: Annotated[str, Field(min_length=1, max_length=200, examples=["owner"])]
    password: GivenPassword
    totp_code: Code | None = Field(None, description="Six digits, or one of the recovery codes.")


class LoginOut(Out):
    """The session itself is in the cookie `huntarr_session`."""

    username: str
    csrf_token: str = Field(description="To be sent as X-CSRF-Token with every change.")
    expires_at: UtcTime


class MeOut(Out):
    """The caller of this request."""

    username: str = Field(description="The owner, or the name of the API key.")
    auth: CallerKind
    scope: Scope
    csrf_token: str | None = Field(description="Null for an API key, which needs none.")
    two_factor_enabled: bool


class PasswordIn(In):
    model_config = example(
        {"current_password": "correct horse battery staple", "new_password": "a longer and a better one"}
    )

    current_password: GivenPassword
    new_password: NewPassword


class TwoFactorSetupIn(In):
    model_config = example({"password": "correct horse battery staple"})

    password: GivenPassword


class TwoFactorSetupOut(Out):
    """What an authenticator app needs; it takes effect with `enable`."""

    secret: str
    otpauth_uri: str
    qr_svg: str = Field(description="The URI as a QR code: an <svg> element.")


class TwoFactorEnableIn(In):
    model_config = example({"code": "123456"})

    code: Code = Field(description="What the authenticator app shows.")


class RecoveryCodesOut(Out):
    """Shown once; each of them replaces a code once."""

    recovery_codes: list[str]


class TwoFactorDisableIn(In):
    model_config = example({"password": "correct horse battery staple", "code": "123456"})

    password: GivenPassword
    code: Code = Field(description="What the authenticator app shows, or a recovery code.")


class ApiKeyIn(In):
    model_config = example({"name": "dashboard", "scope": "read"})

    name: ShortName = Field(examples=["dashboard"])
    scope: Scope = Field(examples=["read"], description="`read` may only GET.")
    expires_at: Annotated[AwareDatetime, AfterValidator(_sane_year)] | None = Field(
        None, examples=["2027-11-23T16:00:00Z"], description="Null is never."
    )


class ApiKeyOut(Out):
    id: int
    name: str
    scope: Scope
    prefix: str = Field(description="How the key begins, to tell keys apart.")
    created_at: UtcTime
    last_used_at: UtcTime | None
    expires_at: UtcTime | None


class ApiKeyMadeOut(ApiKeyOut):
    """A new API key; `key` is shown only here."""

    key: str = Field(description="Shown this once.")


class SessionOut(Out):
    id: int
    created_at: UtcTime
    last_seen_at: UtcTime
    expires_at: UtcTime
    address: str
    user_agent: str
    current: bool = Field(False, description="Whether this call was made with it.")


class AuditAuth(StrEnum):
    """How the actor was authenticated; `password` where there was no session yet."""

    API_KEY = "api_key"
    SESSION = "session"
    PASSWORD = "password"  # noqa: S105 - a word, not a secret
    COMMAND_LINE = "command_line"
    WEBHOOK = "webhook"


class AuditOut(Out):
    """A change, or an attempt to log in."""

    id: int
    at: UtcTime
    action: str = Field(description="The operation, such as `create_instance`; also `login_failed`.")
    actor: str | None = Field(description="The owner or the name of an API key; null for a stranger.")
    auth: AuditAuth | None
    key_id: int | None
    session_id: int | None
    address: str
    target: dict[str, str] = Field(description="Ids and filters that identify what was changed.")
    fields: list[str] = Field(description="Names of the fields that were sent, never their values.")
