"""Parsing of replies: field types that tolerate wrong values, and lists that leave unreadable records out."""

import logging
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from app.arr.errors import BadReply
from app.http.bodies import clean_text

MAX_INT = 2**31 - 1  # the apps' ids and counts are .NET Int32
MIN_YEAR = 1800  # .NET writes an unset date as year 1

log = logging.getLogger(__name__)

_SPAN = re.compile(r"(?:(\d{1,5})\.)?(\d\d):(\d\d):(\d\d(?:\.\d{1,7})?)", re.ASCII)
"""A .NET `TimeSpan`."""


def _no_bool(value: object) -> object:
    return None if isinstance(value, bool) else value


def _between(low: int) -> BeforeValidator:
    """An integer from `low` to `MAX_INT`; anything else reads as `None`."""

    def read(value: object) -> int | None:
        if isinstance(value, bool) or not isinstance(value, int):
            return None
        return value if low <= value <= MAX_INT else None

    return BeforeValidator(read)


def _ids(value: object) -> frozenset[int]:
    found = value if isinstance(value, list) else []
    return frozenset(each for each in found if isinstance(each, int) and each is not True and 0 < each <= MAX_INT)


def _moment(value: object) -> datetime | None:
    """An aware UTC time; the apps write `yyyy-MM-ddTHH:mm:ssZ`. Anything else reads as `None`."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        if moment.year < MIN_YEAR:
            return None
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _span(value: object) -> timedelta | None:
    """A length of time; the apps write `[d.]hh:mm:ss[.fffffff]`. Anything else reads as `None`."""
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    days, hours, minutes, seconds = found.groups(default="0")
    return timedelta(days=int(days), hours=int(hours), minutes=int(minutes), seconds=float(seconds))


def _flag(value: object) -> bool:
    return value is True


def _flag_or_none(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _record(value: object) -> object:
    return value if isinstance(value, dict) else None


Id = Annotated[int, BeforeValidator(_no_bool), Field(ge=1, le=MAX_INT)]
Count = Annotated[int, BeforeValidator(_no_bool), Field(ge=0, le=MAX_INT)]
MaybeId = Annotated[int | None, _between(1)]
MaybeNumber = Annotated[int | None, _between(0)]
MaybeScore = Annotated[int | None, _between(-MAX_INT)]
"""Custom-format scores may be negative."""
Ids = Annotated[frozenset[int], BeforeValidator(_ids)]
Text = Annotated[str | None, BeforeValidator(clean_text)]
Line = Annotated[str, BeforeValidator(clean_text)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]
Span = Annotated[timedelta | None, BeforeValidator(_span)]
Flag = Annotated[bool, BeforeValidator(_flag)]
MaybeFlag = Annotated[bool | None, BeforeValidator(_flag_or_none)]
IfRecord = BeforeValidator(_record)
"""For a nested record: anything else reads as `None`."""


class Resource(BaseModel):
    """The fields that we read of a record, under the apps' camelCase names; others are ignored."""

    model_config = ConfigDict(extra="ignore", alias_generator=to_camel, populate_by_name=True, frozen=True)


class PageResource(Resource):
    """A page of any list."""

    page: Count = 1
    total_records: Count
    records: list[object]


R = TypeVar("R", bound=Resource)


def read_one(kind: type[R], reply: object, what: str) -> R:
    """`reply` as a `kind`; else `BadReply`, which calls it `what`."""
    try:
        return kind.model_validate(reply)
    except ValidationError as failure:
        fields = ", ".join(sorted({str(error["loc"][0]) if error["loc"] else "all" for error in failure.errors()}))
        raise BadReply(f"The app answered with no readable {what} ({fields}).") from failure


def read_all(kind: type[R], records: Sequence[object], what: str) -> tuple[list[R], int]:
    """Every readable record, and how many were not."""
    read: list[R] = []
    for record in records:
        try:
            read.append(kind.model_validate(record))
        except ValidationError:
            continue
    skipped = len(records) - len(read)
    if skipped:
        log.warning("records skipped", extra={"kind": what, "skipped": skipped, "of": len(records)})
    return read, skipped


def read_list(kind: type[R], reply: object, what: str) -> list[R]:
    """A plain array of records; `BadReply` when the reply is no array."""
    if not isinstance(reply, list):
        raise BadReply(f"The app answered with no list of {what}.")
    return read_all(kind, reply, what)[0]
