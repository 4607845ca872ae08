"""Tables: the owner, sessions, API keys, recovery codes and the audit trail."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.core.db import UtcDateTime

OWNER_ID = 1
DIGEST_LENGTH = 64  # SHA-256 in hex


class User(SQLModel, table=True):
    """The owner. There is one: the primary key is always `OWNER_ID`, which makes a second set-up impossible."""

    __tablename__ = "users"

    id: int = Field(default=OWNER_ID, primary_key=True, sa_column_kwargs={"autoincrement": False})
    username: str = Field(max_length=64)
    password_hash: str = Field(max_length=255)
    totp_secret: str | None = Field(default=None, max_length=500, description="Encrypted; null while 2FA is off.")
    totp_pending: str | None = Field(default=None, max_length=500, description="Encrypted; awaits its first code.")
    totp_pending_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    totp_step: int = Field(default=0, description="Time step of the last accepted code: none is accepted twice.")
    created_at: datetime = Field(sa_type=UtcDateTime)
    password_changed_at: datetime = Field(sa_type=UtcDateTime)


class LoginSession(SQLModel, table=True):
    """A login session. Of its token and its CSRF token only the SHA-256 is stored."""

    __tablename__ = "sessions"
    __table_args__ = (
        UniqueConstraint("token_digest", name="uq_sessions_token_digest"),
        Index("ix_sessions_expires_at", "expires_at"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="users.id", index=True)
    token_digest: str = Field(max_length=DIGEST_LENGTH)
    csrf_digest: str = Field(max_length=DIGEST_LENGTH)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    last_seen_at: datetime = Field(sa_type=UtcDateTime)
    address: str = Field(max_length=64)
    user_agent: str = Field(max_length=200)


class ApiKey(SQLModel, table=True):
    """An API key. It was shown once; only its SHA-256 is stored."""

    __tablename__ = "api_keys"
    __table_args__ = (UniqueConstraint("digest", name="uq_api_keys_digest"), {"sqlite_autoincrement": True})

    id: int | None = Field(default=None, primary_key=True)
    user_id: int | None = Field(default=None, foreign_key="users.id", index=True)
    """Null for a key that the command line made before there was an owner."""
    name: str = Field(max_length=100)
    scope: str = Field(max_length=10)
    prefix: str = Field(max_length=20)
    digest: str = Field(max_length=DIGEST_LENGTH)
    created_at: datetime = Field(sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RecoveryCode(SQLModel, table=True):
    """A one-time replacement for a code of the authenticator app; the row is deleted when it is used."""

    __tablename__ = "recovery_codes"
    __table_args__ = (UniqueConstraint("digest", name="uq_recovery_codes_digest"),)

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="users.id", index=True)
    digest: str = Field(max_length=DIGEST_LENGTH)


class Audit(SQLModel, table=True):
    """Who changed what, when and from where. Holds ids and field names, never values that may be secret."""

    __tablename__ = "audit"
    __table_args__ = (
        Index("ix_audit_at", "at"),
        Index("ix_audit_action", "action", "id"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    action: str = Field(max_length=64)
    actor: str | None = Field(default=None, max_length=100)
    auth: str | None = Field(default=None, max_length=20)
    key_id: int | None = None
    session_id: int | None = None
    address: str = Field(max_length=64)
    target: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    fields: list[str] = Field(default_factory=list, sa_type=JSON)
