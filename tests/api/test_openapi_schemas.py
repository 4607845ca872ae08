"""The schemas of the document, as generated clients in many languages take them."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # ships no types
from pydantic import ValidationError

from app.actions.actions import ACTIONS
from app.actions.schemas import ActionIn
from app.schedules.schemas import ScheduleIn
from app.webhooks.schemas import HookIn
from tests.api.document import by_name, made, operations, walk

# Classes that generated code imports, or sees without an import.
JAVA = """
Boolean Byte Character Class Double Enum Error Exception Float Integer Iterable Level Logger Long Math Number Object
Override Package Process Record Runtime Short String System Thread Throwable Void Arrays Base64 Collection Collections
Date List Locale Map Objects Optional Properties Random Set Timer UUID Duration Instant File Reader InputStream
OutputStream URI URL Pattern Function Consumer Supplier Stream HttpClient HttpRequest HttpResponse ApiClient
ApiException ApiResponse Configuration Pair JSON JsonValue JsonProperty JsonCreator JsonInclude
"""
OTHERS = """
Any Array Nothing Unit Data Decimal Result Never Task Action Type Attribute Delegate Event Func Guid Lazy Tuple Box
Option Some None Ok Err Vec Self Send Sync Future Promise Proxy Symbol Request Response Headers Blob FormData Partial
Pick Omit Readonly Required Client AuthenticatedClient BaseModel Field Literal Union Unset ServerConfiguration APIClient
APIResponse GenericOpenAPIError
"""
TAKEN = {*JAVA.split(), *OTHERS.split()}
INT64 = {"before_id", "event_id", "free_space", "id", "next_before_id", "size", "size_bytes", "size_left"}
WITH_LARGE_ID = {"LogEntryOut", "LogLine"}
BY_TARGET = {"enable", "disable", "hunt", "set_hourly_cap", "swaparr"}
PARAMS: dict[str, dict[str, Any]] = {"set_hourly_cap": {"hourly_cap": 5}, "hunt": {"limit": 2}, "pause": {"minutes": 5}}
BODIES: list[tuple[type[ActionIn], dict[str, Any]]] = [(ScheduleIn, {"time": "03:00"}), (HookIn, {})]


def test_no_schema_has_the_name_of_a_common_class() -> None:
    names = set(made()["components"]["schemas"])
    assert not names & TAKEN
    for name in names:
        for prefix in ("New", "Nullable"):  # Go: functions and types that the generator adds
            assert name.removeprefix(prefix) == name or name.removeprefix(prefix) not in names


def test_words_are_schemas_with_names() -> None:
    found = made()
    for path, part in [*walk(found["paths"]), *walk(found["components"])]:
        words = part.get("enum")
        is_component = path[:1] == ("schemas",) and len(path) == 2
        assert not isinstance(words, list) or len(words) == 1 or is_component, path
    assert "x-schema-name" not in str(found)
    names = {given["name"]: given["schema"] for given in by_name(found)["rotate_app_webhook"].parameters}
    assert names["app_type"] == {"$ref": "#/components/schemas/HuntingAppType"}


def test_path_parameters_are_in_the_order_of_the_path() -> None:
    for operation in operations(made()):
        given = [item["name"] for item in operation.parameters if item["in"] == "path"]
        assert given == [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
        places = [item["in"] for item in operation.parameters]
        assert places == sorted(places, key=["path", "query", "header"].index)


def test_large_numbers_and_only_those_are_int64() -> None:
    found = made()
    marked = set()
    for name, schema in found["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            is_large = "int64" in str(described)
            assert is_large == (field in INT64 and (field != "id" or name in WITH_LARGE_ID)), (name, field)
            assert is_large or not field.endswith(("_bytes", "before_id", "event_id")), (name, field)
            marked |= {field} if is_large else set()
    for operation in operations(found):
        for given in operation.parameters:
            assert ("int64" in str(given)) == (given["name"] == "before_id")
    assert marked == INT64 - {"before_id"}


def test_bounds_of_whole_numbers_are_whole() -> None:
    for path, part in walk(made()):
        if part.get("type") == "integer":
            assert not any(isinstance(value, float) for value in part.values()), path


def test_no_default_makes_a_field_required() -> None:
    """openapi-typescript and others take a field with a default for one that is always there."""
    found = made()
    for name, schema in found["components"]["schemas"].items():
        required = set(schema.get("required", ()))
        for field, described in schema.get("properties", {}).items():
            assert "default" not in described or field in required, (name, field)
    said = found["components"]["schemas"]["HuntIn"]["properties"]["dry_run"]["description"]
    assert said == "Decide and record, but search nothing. Default: `false`."
    assert found["components"]["schemas"]["GeneralSettings"]["properties"]["session_hours"]["default"] == 24


def test_downloads_are_bytes() -> None:
    found = by_name(made())
    for name, media_types in {
        "download_backup": ["application/octet-stream", "application/zip"],
        "export_logs": ["application/octet-stream", "application/x-ndjson", "text/plain"],
    }.items():
        content = found[name].responses["200"]["content"]
        assert list(content) == media_types
        assert all(media["schema"] == {"type": "string", "format": "binary"} for media in content.values())
    assert list(found["get_metrics"].responses["200"]["content"]) == ["text/plain"]
    assert "format: binary" not in found["get_metrics"].responses
    upload = found["upload_backup"].made["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert upload["properties"]["file"]["format"] == "binary"


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(("model", "more"), BODIES)
def test_bodies_are_told_apart_by_their_action(model: type[ActionIn], more: dict[str, Any], action: str) -> None:
    body = {"name": "n", "action": action, "params": PARAMS.get(action, {}), **more}
    if not ACTIONS[action].params.model_fields:
        del body["params"]
    good = [body, body | {"app_type": "all"} if action in BY_TARGET else body]
    for each in good:
        assert model.model_validate(each).action == action
        assert fits(model, each)
    wrong = [body | {"params": {"hurly_cap": 5}}, body | {"action": "dance"}]
    if action not in BY_TARGET:
        wrong.append(body | {"app_type": "sonarr"})
    for each in wrong:
        with pytest.raises(ValidationError):
            model.model_validate(each)
        assert not fits(model, each)


def fits(model: type[ActionIn], body: dict[str, Any]) -> bool:
    """Whether the document allows it: as a union of schemas, and as the one that the discriminator names."""
    found = made()
    union = found["components"]["schemas"][model.__name__]
    target = union["discriminator"]["mapping"].get(body["action"])
    is_one = target is not None and is_valid(target, body)
    assert is_valid(f"#/components/schemas/{model.__name__}", body) is is_one
    return is_one


def is_valid(reference: str, body: dict[str, Any]) -> bool:
    return bool(Draft202012Validator({**made(), "$ref": reference}).is_valid(body))
