"""The schemas of the document as generated clients like them: named words, no clashing names, no null defaults."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from app.core.schemas import SCHEMA_NAME

Json = dict[str, Any]
Change = Callable[[Json], Json]

COMPONENTS: Final = "#/components/schemas/"
# Names of ours that are classes of a target language: java.util.logging.Level, kotlin.Unit.
OTHER_NAMES: Final = {"Level": "EventLevel", "Unit": "SearchUnit"}
ANYTHING: Final = "JsonValue"
NO_SCHEMAS: Final = ("example", "examples", "default")
OF_REQUESTS: Final = ("In", "Patch")
OF_SETTINGS: Final = "Settings"
MOVED: Final = ("type", "enum", "pattern", "maxLength", "title", SCHEMA_NAME)


def shaped(built: Json) -> Json:
    """The document with its schemas in shape."""
    built = _named(built)
    schemas: Json = built["components"]["schemas"]
    schemas.pop(ANYTHING, None)
    for name, schema in schemas.items():
        _drop_defaults(schema, is_request=name.endswith(OF_REQUESTS), is_setting=name.endswith(OF_SETTINGS))
    words: Json = {}

    def change(part: Json) -> Json:
        return _moved_words(_whole_bounds(_marked_file(_without_anything(_without_title(part)))), words)

    built |= {part: _changed(built[part], change) for part in ("paths", "components")}
    _add(built["components"]["schemas"], words)
    return built


def _changed(part: Any, change: Change, *, is_map: bool = False) -> Any:
    """`part` with `change` applied to every object in it, the inner ones first.

    Examples are no schemas, and a map of properties is none: its keys are names of fields.
    """
    if isinstance(part, list):
        return [_changed(value, change) for value in part]
    if not isinstance(part, dict):
        return part
    changed = {
        key: value
        if key in NO_SCHEMAS and not is_map
        else _changed(value, change, is_map=key == "properties" and not is_map)
        for key, value in part.items()
    }
    return changed if is_map else change(changed)


def _named(built: Json) -> Json:
    """Rename components to their titles: Pydantic's own keys for generics are hard to read."""
    schemas: Json = built["components"]["schemas"]
    titles = {key: schema["title"] for key, schema in schemas.items() if schema.get("title", "").isidentifier()}
    names = {key: OTHER_NAMES.get(title, title) for key, title in titles.items()}
    wanted = [names.get(key, key) for key in schemas]
    if twice := sorted({name for name in wanted if wanted.count(name) > 1}):
        raise RuntimeError(f"two schemas have the same name: {', '.join(twice)}")
    built["components"]["schemas"] = {names.get(key, key): schema for key, schema in schemas.items()}
    references = {COMPONENTS + key: COMPONENTS + name for key, name in names.items()}
    renamed: Json = _changed(built, lambda part: _referring(part, references))
    return renamed


def _referring(part: Json, references: Mapping[str, str]) -> Json:
    if isinstance(mapping := part.get("mapping"), dict):
        part = part | {"mapping": {word: references.get(target, target) for word, target in mapping.items()}}
    target = part.get("$ref")
    return part | {"$ref": references.get(target, target)} if isinstance(target, str) else part


def _drop_defaults(schema: Json, *, is_request: bool, is_setting: bool) -> None:
    """A default makes a field required for some generators: the text of a body tells it instead.

    In a reply it says nothing, except of a setting.
    """
    for field in schema.get("properties", {}).values():
        default = field.get("default")
        if default is None or not is_setting:
            field.pop("default", None)
        if default is not None and is_request:
            said = f"`{default}`".lower() if isinstance(default, bool) else f"`{default}`"
            field["description"] = f"{field.get('description', '')} Default: {said}.".lstrip()


def _without_title(part: Json) -> Json:
    """Titles only repeat names, such as `Page Size`."""
    return {key: value for key, value in part.items() if key != "title"}


def _without_anything(part: Json) -> Json:
    return {} if part.get("$ref") == COMPONENTS + ANYTHING else part


def _marked_file(part: Json) -> Json:
    """FastAPI writes uploads as 3.1 does; most generators still look for `format: binary`."""
    return part | {"format": "binary"} if part.get("contentMediaType") == "application/octet-stream" else part


def _whole_bounds(part: Json) -> Json:
    """FastAPI writes the bounds of whole numbers as `1.0`."""
    if part.get("type") != "integer":
        return part
    return {key: int(value) if isinstance(value, float) else value for key, value in part.items()}


def _moved_words(part: Json, words: Json) -> Json:
    """A string of named words (`core.schemas.words_of`) becomes a reference; its schema goes to `words`."""
    name = part.get(SCHEMA_NAME)
    if name is None:
        return part
    _add(words, {name: {"type": "string", "enum": part["enum"]}})
    return {"$ref": COMPONENTS + name} | {key: value for key, value in part.items() if key not in MOVED}


def _add(schemas: Json, words: Json) -> None:
    """The words may be a schema already, of an enumeration; then they are the same."""
    known = {name: schemas[name] for name in words if name in schemas}
    if twice := sorted(name for name, schema in known.items() if schema.get("enum") != words[name]["enum"]):
        raise RuntimeError(f"two schemas have the same name: {', '.join(twice)}")
    schemas |= {name: schema for name, schema in words.items() if name not in schemas}
