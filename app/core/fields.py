"""Field types that bodies and settings of several features share."""

from datetime import UTC, datetime
from functools import cache
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, StringConstraints

from app.core.lines import comparable, is_breaking


def one_line(text: str) -> str:
    """`ValueError` for a text with line breaks or control characters."""
    if any(is_breaking(character) for character in text):
        raise ValueError("must be one line without control characters")
    return text


def checked_name(text: str) -> str:
    """The one rule for names, without the white space around them: one line in which something can be seen."""
    name = one_line(text.strip())
    if not comparable(name):
        raise ValueError("must hold a visible character")
    return name


@cache
def known_zones() -> frozenset[str]:
    """IANA names. Cached: this reads the whole time zone database, and settings are read all the time."""
    return frozenset(available_timezones())


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("must have a time zone, such as 2026-11-23T16:00:00Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside the calendar when written in UTC") from None


def _known_zone(name: str) -> str:
    if name not in known_zones():
        raise ValueError("must be an IANA time zone such as Europe/Berlin")
    return name


ShortName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(checked_name)
]
Note = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(one_line)]
Int64 = Annotated[int, Field(json_schema_extra={"format": "int64"})]
"""A number that may not fit into 32 bits; many generated clients have to be told."""
AwareTime = Annotated[datetime, AfterValidator(_in_utc)]
TimeZoneName = Annotated[str, Field(max_length=64), AfterValidator(_known_zone)]
