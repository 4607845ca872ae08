"""How replies become values: tolerant field types, and lists whose unreadable records are left out and counted."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from app.arr.errors import BadReply
from app.http.bodies import clean_text

MAX_INT = 2**31 - 1  # the apps' ids and counts are .NET Int32
FIRST_REAL_YEAR = 1800  # .NET writes an unset date as year 1

log = logging.getLogger(__name__)


def _whole(value: object) -> object:
    return None if isinstance(value, bool) else value


def _id_or_none(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 < value <= MAX_INT else None


def _number_or_none(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= MAX_INT else None


def _score_or_none(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if abs(value) <= MAX_INT else None


def _ids(value: object) -> frozenset[int]:
    if not isinstance(value, list):
        return frozenset()
    return frozenset(found for found in map(_id_or_none, value) if found is not None)


def _moment(value: object) -> datetime | None:
    """An aware UTC time; the apps write `yyyy-MM-ddTHH:mm:ssZ` (arr contracts §1.6), what is no time reads as none."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        if moment.year < FIRST_REAL_YEAR:
            return None
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _flag(value: object) -> bool:
    return value is True


def _flag_or_none(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _tally(value: object) -> int:
    return _number_or_none(value) or 0


def _record(value: object) -> object:
    return value if isinstance(value, dict) else None


Id = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=MAX_INT)]
Count = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=MAX_INT)]
MaybeId = Annotated[int | None, BeforeValidator(_id_or_none)]
MaybeNumber = Annotated[int | None, BeforeValidator(_number_or_none)]
MaybeScore = Annotated[int | None, BeforeValidator(_score_or_none)]
"""Custom-format scores go below zero."""
Ids = Annotated[frozenset[int], BeforeValidator(_ids)]
Text = Annotated[str | None, BeforeValidator(clean_text)]
Line = Annotated[str, BeforeValidator(clean_text)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]
Flag = Annotated[bool, BeforeValidator(_flag)]
MaybeFlag = Annotated[bool | None, BeforeValidator(_flag_or_none)]
Tally = Annotated[int, BeforeValidator(_tally)]
IfRecord = BeforeValidator(_record)
"""Marks a nested record that reads as none when it is something else."""


class Resource(BaseModel):
    """What we read of a record: the apps' camelCase names, nothing that we do not use."""

    model_config = ConfigDict(extra="ignore", alias_generator=to_camel, populate_by_name=True, frozen=True)


class PageResource(Resource):
    """A page of any list (arr contracts §3.1)."""

    page: Count = 1
    total_records: Count
    records: list[object]


R = TypeVar("R", bound=Resource)


def read_one(kind: type[R], reply: object, what: str) -> R:
    """`reply` as a `kind`; `BadReply` names `what` when it is none."""
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
