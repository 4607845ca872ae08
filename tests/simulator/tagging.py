"""How the bulk editors apply tags: add, remove or replace (arr contracts §6.1)."""

from tests.simulator import errors
from tests.simulator.wire import Json

_WAYS = ("add", "remove", "replace")


def retag(tags: list[int], fields: Json) -> list[int]:
    """The new tags of one item; a missing applyTags means the enum's first word."""
    chosen, way = list(fields["tags"]), fields.get("applytags", "add")
    if isinstance(way, int) and 0 <= way < len(_WAYS):
        way = _WAYS[way]
    if not isinstance(way, str) or way.lower() not in _WAYS:
        raise errors.binding("$.applyTags", "The JSON value could not be converted to ApplyTags.")
    if way.lower() == "replace":
        return chosen
    if way.lower() == "remove":
        return [tag for tag in tags if tag not in chosen]
    return tags + [tag for tag in chosen if tag not in tags]
