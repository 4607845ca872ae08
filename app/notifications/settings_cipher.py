"""The settings of a connection as they are stored: JSON, sealed as a whole."""

import json
from dataclasses import dataclass

from pydantic import ValidationError

from app.core.errors import Conflict
from app.notifications.models import NotificationConnection
from app.notifications.providers import PROVIDERS
from app.notifications.settings import ProviderSettings
from app.secrets.box import SecretBox


@dataclass(frozen=True, slots=True)
class SettingsCipher:
    """The one place where settings are sealed and opened."""

    box: SecretBox

    def seal(self, settings: ProviderSettings) -> str:
        return self.box.encrypt(settings.model_dump_json())

    def open(self, row: NotificationConnection) -> ProviderSettings:
        """`Conflict` when this version, or this key, cannot read them."""
        sealed, kind = self.box.try_decrypt(row.settings), PROVIDERS.get(row.provider)
        try:
            if sealed is None or kind is None:
                raise ValueError(row.provider)
            return kind.model_validate(json.loads(sealed))
        except (ValidationError, ValueError):
            raise Conflict("The stored settings of this connection cannot be read: give all of them anew.") from None
