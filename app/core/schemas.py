"""Base classes of bodies and replies, and the names that generic ones get in generated clients."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Generic, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema, create_model
from pydantic.fields import FieldInfo

T = TypeVar("T")

SECRET_MASK = "********"  # noqa: S105 - shown instead of a stored secret
SCHEMA_NAME = "x-schema-name"


def words_of(name: str, words: Iterable[str]) -> dict[str, Any]:
    """`json_schema_extra` of a string that is one of `words`: in the document they are a schema called `name`."""
    return {"enum": [str(word) for word in words], SCHEMA_NAME: name}


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


UtcTime = Annotated[
    datetime,
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class In(BaseModel):
    """A request body. Unknown fields are refused, so that a typo is reported."""

    model_config = ConfigDict(extra="forbid")


def example(values: dict[str, Any]) -> ConfigDict:
    """`model_config` of a body: an example that can be sent as it stands."""
    return ConfigDict(json_schema_extra={"examples": [values]})


InT = TypeVar("InT", bound=In)


def patch_of(model: type[BaseModel]) -> Callable[[type[InT]], type[InT]]:
    """Class decorator: gives a body every field of `model`, each of which may be left out or be null."""

    def decorate(patch: type[InT]) -> type[InT]:
        fields: dict[str, Any] = {name: _optional(field) for name, field in model.model_fields.items()}
        return create_model(
            patch.__name__, __base__=patch, __doc__=patch.__doc__, __module__=patch.__module__, **fields
        )

    return decorate


def _optional(field: FieldInfo) -> tuple[Any, Any]:
    kind: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    return (kind | None, Field(None, description=field.description))


def _label(part: Any) -> str:
    if get_origin(part) is list:
        return _label(get_args(part)[0]) + "Array"
    name: str = part.__name__
    return name.removesuffix("Out")


class Deferred(BaseModel):
    """A model whose validator is built when it is first used: all of them together would be a tenth of a start."""

    model_config = ConfigDict(defer_build=True)


class Out(Deferred):
    """The data of a reply, built from a row or a value."""

    model_config = ConfigDict(from_attributes=True, json_schema_serialization_defaults_required=True)


class NamedGeneric(Out):
    """A generic reply with readable names: `Reply[StatsOut]` is called `StatsReply`."""

    suffix: ClassVar[str] = ""

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        return "".join(_label(part) for part in params) + cls.suffix


class Reply(NamedGeneric, Generic[T]):
    """The envelope of every success."""

    suffix: ClassVar[str] = "Reply"
    success: bool = True
    data: T
    message: str = ""


class Page(NamedGeneric, Generic[T]):
    """One page of a growing list, newest first unless the call says otherwise."""

    suffix: ClassVar[str] = "List"
    items: list[T]
    total: int = Field(ge=0)
    page: int = Field(ge=1)
    page_size: int = Field(ge=1)


class MessageReply(Out):
    """The envelope of a success without data."""

    success: bool = True
    data: dict[str, Any] | None = None
    message: str = ""


class DeletedOut(Out):
    """The number of deleted rows."""

    deleted: int


class FieldError(Deferred):
    """What is wrong with one field; `field` is its path, such as `body.url`."""

    field: str
    message: str


class ErrorReply(Deferred):
    """The envelope of every error; `details` only for invalid input, `request_id` only for 500 and 503."""

    success: bool = Field(examples=[False])
    error: str
    details: list[FieldError] | None = None
    request_id: str | None = None
