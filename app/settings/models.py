"""The table of the settings: one row for each section."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from app.core.db import UtcDateTime


class SettingsSection(SQLModel, table=True):
    """`general`, the hunting defaults of an app type, or a section of another feature; only what the user set."""

    __tablename__ = "settings"

    name: str = Field(primary_key=True, max_length=40)
    stored: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    updated_at: datetime = Field(sa_type=UtcDateTime)
