"""Settings of providers: which of them are secret, how they read, and how a stored secret is kept."""

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
    """A name or address without scheme, port and path; blocked ones are refused as in any URL."""
    host = checked_url(f"http://{text}").removeprefix("http://")
    if "/" in host or host.rpartition("]")[2].count(":"):
        raise ValueError("must be a host alone, without port and path")
    return host


Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_LINE_LENGTH),
    AfterValidator(one_line),
]
Host = Annotated[Line, AfterValidator(_host)]
Port = Annotated[int, Field(ge=1, le=65535)]
BaseUrl = Annotated[Line, AfterValidator(checked_url)]


def hidden(default: Any = ..., *, travels: bool = True, **options: Any) -> Any:
    """A field that is never shown. One that `travels` is sent to the provider, and so to no other than the first."""
    return Field(default, json_schema_extra={"secret": True, "travels": travels}, **options)


class ProviderSettings(In):
    """The settings of one provider; a subclass and its line in `providers.py` are all that a provider is."""

    word: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]

    async def send(self, outlets: NotificationClients, message: Message) -> DeliveryResult:
        """Hand the message over; every failure is an answer too."""
        raise TypeError(f"{type(self).__name__} sends nothing")

    def place(self) -> str | None:
        """Where secrets travel to; `None` when the secret itself says it, or there is only one such place."""
        return None

    @property
    def secret_texts(self) -> list[str]:
        """Every secret in them, to be taken out of what a provider says."""
        found: list[str] = []
        for name in _secret_fields(type(self)):
            value = getattr(self, name)
            found += value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
        return [text for text in found if text]

    def masked(self) -> dict[str, JsonValue]:
        """As callers read them."""
        shown = self.model_dump(mode="json")
        return shown | {name: _masked(shown[name]) for name in _secret_fields(type(self))}

    @classmethod
    def read(cls, given: dict[str, JsonValue], stored: Self | None) -> Self:
        """What a caller sends, with stored secrets where it leaves them out or sends stars; `Invalid` says what not."""
        values, kept = dict(given), []
        for name, field in _secret_fields(cls).items():
            before = getattr(stored, name) if stored is not None else None
            values[name], is_kept = _completed(name, given.get(name, SECRET_MASK), before)
            kept += [name] if is_kept and _extra(field).get("travels") else []
            if values[name] is None and not is_kept:
                if field.is_required():
                    raise _wrong(name, f"settings.{name} is needed.")
                del values[name]
        made = _validated(cls, values)
        if kept and stored is not None and made.place() != stored.place():
            names = " and ".join(f"settings.{name}" for name in kept)
            raise _wrong(kept[0], f"It goes to another place now: give {names} with it.")
        return made


def _validated(kind: type[S], values: dict[str, Any]) -> S:
    try:
        return kind.model_validate(values)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_input=False)[0]
        field = ".".join(["body", "settings", *(str(part) for part in first["loc"])])[:MAX_LINE_LENGTH]
        raise Invalid(f"{field}: {first['msg'].removeprefix('Value error, ')}", field=field) from None


def is_secret(field: FieldInfo) -> bool:
    return bool(_extra(field).get("secret"))


def _extra(field: FieldInfo) -> dict[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _secret_fields(kind: type[ProviderSettings]) -> dict[str, FieldInfo]:
    return {name: field for name, field in kind.model_fields.items() if is_secret(field)}


def _masked(value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        return [SECRET_MASK for _ in value]
    if isinstance(value, dict):
        return dict.fromkeys(value, SECRET_MASK)
    return SECRET_MASK if value else None


def _completed(name: str, value: JsonValue, before: Any) -> tuple[JsonValue, bool]:
    """The value with what is stored in the place of stars, and whether any of it is stored."""
    if value == SECRET_MASK:
        return before, before is not None
    if isinstance(value, list) and SECRET_MASK in value:
        if value != _masked(before):
            raise _wrong(name, f"Give all of settings.{name} anew, or send them back as they were read.")
        return before, True
    if isinstance(value, dict):
        old = before if isinstance(before, dict) else {}
        kept = [key for key, one in value.items() if one == SECRET_MASK]
        for key in kept:
            if key not in old:
                raise _wrong(name, f"There is no stored value of {key[:100]}: give it.")
        return {**value, **{key: old[key] for key in kept}}, bool(kept)
    return value, False


def _wrong(name: str, sentence: str) -> Invalid:
    return Invalid(sentence, field=f"body.settings.{name}")
