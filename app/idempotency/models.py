"""Stored replies, so that a repeated POST gets the first reply and is not done again."""

from datetime import datetime

from sqlmodel import Field, Index, SQLModel, UniqueConstraint

from app.core.db import UtcDateTime

CALLER_LENGTH = 128
KEY_LENGTH = 255


class Replay(SQLModel, table=True):
    """One `Idempotency-Key` of one caller. Without `status` the first request is still running."""

    __tablename__ = "replays"
    __table_args__ = (
        UniqueConstraint("caller", "key", name="uq_replays_caller_key"),
        Index("ix_replays_created_at", "created_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    caller: str = Field(max_length=CALLER_LENGTH)
    key: str = Field(max_length=KEY_LENGTH)
    fingerprint: str = Field(max_length=64, description="Keyed SHA-256 of method, path, query, body, in hex.")
    attempt: str = Field(
        max_length=32, description="The attempt whose reply counts: another one may have taken the key over."
    )
    created_at: datetime = Field(sa_type=UtcDateTime)
    status: int | None = None
    media_type: str | None = Field(default=None, max_length=100)
    body: str | None = Field(default=None, description="Encrypted: a reply may show a new key.")
