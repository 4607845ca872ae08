"""Settings of providers: which are secret, how they are masked, and how a stored secret survives a change."""

from typing import Annotated, Any, ClassVar, Final, Self, TypeVar

from pydantic import AfterValidator, Field, JsonValue, StringConstraints, ValidationError
from pydantic.fields import FieldInfo

from app.core.errors import Invalid
from app.core.fields import one_line
from app.core.schemas import SECRET_MASK, In
from app.http.addresses import checked_url
from app.notifications.clients import NotificationClients
from app.notifications.messages import DeliveryResult, Message

MAX_LINE_LENGTH: Final = 500

S = TypeVar("S", bound="ProviderSettings")


def _host(text: str) -> str:
    """A host name or IP address alone; blocked addresses are refused as in a URL."""
    host = checked_url(f"http://{text}").removeprefix("http://")
    if "/" in host or host.rpartition("]")[2].count(":"):
        raise ValueError("must be a host without port and path")
    return host


Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_LINE_LENGTH),
    AfterValidator(one_line),
]
Host = Annotated[Line, AfterValidator(_host)]
Port = Annotated[int, Field(ge=1, le=65535)]
BaseUrl = Annotated[Line, AfterValidator(checked_url)]


def secret_field(default: Any = ..., *, sent_to_provider: bool = True, **options: Any) -> Any:
    """A field that is never shown. One that is sent to the provider is asked for again when the destination changes."""
    return Field(default, json_schema_extra={"secret": True, "sent_to_provider": sent_to_provider}, **options)


class ProviderSettings(In):
    """The settings of one provider. A provider is a subclass and its line in `providers.py`."""

    key: ClassVar[str]
    label: ClassVar[str]
    summary: ClassVar[str]

    def __init_subclass__(cls, *, key: str = "", label: str = "", summary: str = "", **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.key, cls.label, cls.summary = key, label, summary

    async def send(self, clients: NotificationClients, message: Message) -> DeliveryResult:
        """Send the message; a failure is a result, not an exception."""
        raise TypeError(f"{type(self).__name__} does not implement send")

    def destination(self) -> str | None:
        """Where secrets are sent to; None when a secret itself contains it, or the provider has only one server."""
        return None

    @property
    def secret_texts(self) -> list[str]:
        """All secrets, to remove them from responses."""
        found: list[str] = []
        for name in _secret_fields(type(self)):
            value = getattr(self, name)
            found += value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
        return [text for text in found if text]

    def masked(self) -> dict[str, JsonValue]:
        """As callers read them: with stars in place of secrets."""
        shown = self.model_dump(mode="json")
        return shown | {name: _masked(shown[name]) for name in _secret_fields(type(self))}

    @classmethod
    def read(cls, given: dict[str, JsonValue], stored: Self | None) -> Self:
        """Validate what a caller sends. A secret that is left out, or sent as stars, keeps its stored value."""
        values, kept = dict(given), []
        for name, field in _secret_fields(cls).items():
            before = getattr(stored, name) if stored is not None else None
            values[name], is_kept = _with_stored(name, given.get(name, SECRET_MASK), before)
            kept += [name] if is_kept and _extra(field).get("sent_to_provider") else []
            if values[name] is None and not is_kept:
                if field.is_required():
                    raise _invalid(name, f"settings.{name} is needed.")
                del values[name]
        settings = _validated(cls, values)
        if kept and stored is not None:
            names = " and ".join(f"settings.{name}" for name in kept)
            if settings.destination() != stored.destination():
                raise _invalid(kept[0], f"The destination has changed: give {names} again.")
            if getattr(stored, "verify_tls", True) and not getattr(settings, "verify_tls", True):
                raise _invalid(kept[0], f"Without verify_tls anybody could be the destination: give {names} again.")
        return settings


def _validated(provider: type[S], values: dict[str, Any]) -> S:
    try:
        return provider.model_validate(values)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_input=False)[0]
        field = ".".join(["body", "settings", *(str(part) for part in first["loc"])])[:MAX_LINE_LENGTH]
        raise Invalid(f"{field}: {first['msg'].removeprefix('Value error, ')}", field=field) from None


def is_secret(field: FieldInfo) -> bool:
    return bool(_extra(field).get("secret"))


def _extra(field: FieldInfo) -> dict[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _secret_fields(provider: type[ProviderSettings]) -> dict[str, FieldInfo]:
    return {name: field for name, field in provider.model_fields.items() if is_secret(field)}


def _masked(value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        return [SECRET_MASK for _ in value]
    if isinstance(value, dict):
        return dict.fromkeys(value, SECRET_MASK)
    return SECRET_MASK if value else None


def _with_stored(name: str, value: JsonValue, before: Any) -> tuple[JsonValue, bool]:
    """The value with stored secrets in place of stars, and whether it contains any."""
    if value == SECRET_MASK:
        return before, before is not None
    if isinstance(value, list) and SECRET_MASK in value:
        if value != _masked(before):
            raise _invalid(name, f"Give all of settings.{name} again, or send them back as they were read.")
        return before, True
    if isinstance(value, dict):
        old = before if isinstance(before, dict) else {}
        kept = [key for key, text in value.items() if text == SECRET_MASK]
        for key in kept:
            if key not in old:
                raise _invalid(name, f"There is no stored value of {key[:100]}: give it.")
        return {**value, **{key: old[key] for key in kept}}, bool(kept)
    return value, False


def _invalid(name: str, sentence: str) -> Invalid:
    return Invalid(sentence, field=f"body.settings.{name}")
