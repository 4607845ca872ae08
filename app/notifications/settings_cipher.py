"""Provider settings as they are stored: JSON, encrypted as a whole."""

from pydantic import ValidationError

from app.core.errors import Conflict
from app.notifications.models import NotificationConnection
from app.notifications.providers import PROVIDERS
from app.notifications.settings import ProviderSettings
from app.secrets.box import SecretBox


def encrypt_settings(box: SecretBox, settings: ProviderSettings) -> str:
    return box.encrypt(settings.model_dump_json())


def decrypt_settings(box: SecretBox, connection: NotificationConnection) -> ProviderSettings:
    """`Conflict` when this version, or this key, cannot read them."""
    plain, provider = box.try_decrypt(connection.settings), PROVIDERS.get(connection.provider)
    try:
        if plain is None or provider is None:
            raise ValueError(connection.provider)
        return provider.model_validate_json(plain)
    except (ValidationError, ValueError):
        raise Conflict("The stored settings of this connection cannot be read: give all of them again.") from None
