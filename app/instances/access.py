"""How an app is reached: its address, its key, and the headers that something in front of it asks for.

Key and header values are stored encrypted, never shown, and only ever sent to the address that they were stored for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.arr.models import Connection
from app.core.errors import Invalid
from app.core.schemas import SECRET_MASK
from app.instances.models import Instance
from app.secrets.box import SecretBox


@dataclass(frozen=True, slots=True)
class AppAccess:
    url: str
    api_key: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def connection(self, *, timeout_seconds: float, verify_tls: bool) -> Connection:
        return Connection(self.url, self.api_key, timeout_seconds, verify_tls, headers=self.headers)


def new_access(url: str, api_key: str | None, headers: Mapping[str, str] | None) -> AppAccess:
    """Of an instance that is not stored; `Invalid` without the secrets themselves."""
    if api_key is None or api_key == SECRET_MASK:
        raise Invalid("An api_key is needed: the app shows it under Settings, General.", field="body.api_key")
    if headers and SECRET_MASK in headers.values():
        raise Invalid("The values of the headers are needed, not stars.", field="body.headers")
    return AppAccess(url, api_key, dict(headers or {}))


def stored_access(row: Instance, box: SecretBox) -> AppAccess:
    return AppAccess(
        row.address, box.decrypt(row.api_key), {name: box.decrypt(text) for name, text in row.headers.items()}
    )


def changed_access(
    row: Instance, box: SecretBox, url: str | None, api_key: str | None, headers: Mapping[str, str] | None
) -> AppAccess:
    """The stored access with what is given; stars, and what is left out, mean the stored value.

    `headers` takes the place of all stored ones. With a new address every stored secret has to be given again.
    """
    stored = stored_access(row, box)
    keeps_key = api_key is None or api_key == SECRET_MASK
    kept = {name.lower(): value for name, value in stored.headers.items()}
    wanted = dict(stored.headers) if headers is None else dict(headers)
    keeps_headers = bool(wanted) and (headers is None or SECRET_MASK in headers.values())
    if url not in (None, row.url) and keeps_key:
        raise Invalid("The url is new: give the api_key with it.", field="body.api_key")
    if url not in (None, row.url) and keeps_headers:
        raise Invalid("The url is new: give the headers with it, or {} for none.", field="body.headers")
    if any(value == SECRET_MASK and name.lower() not in kept for name, value in wanted.items()):
        raise Invalid("Stars stand for a stored value, and there is none of this header.", field="body.headers")
    return AppAccess(
        url or row.address,
        stored.api_key if api_key is None or keeps_key else api_key,
        {name: kept[name.lower()] if value == SECRET_MASK else value for name, value in wanted.items()},
    )


def store_access(row: Instance, box: SecretBox, access: AppAccess) -> None:
    row.url, row.api_key = access.url, box.encrypt(access.api_key)
    row.headers = {name: box.encrypt(value) for name, value in access.headers.items()}
