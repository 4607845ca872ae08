"""The bodies that hold an action, told apart by it: for each action a schema with its parameters."""

from typing import Any, Final

from app.actions.actions import ACTIONS, Action
from app.api.schema_shapes import COMPONENTS
from app.core.schemas import In

Json = dict[str, Any]

BODIES: Final = ("ScheduleIn", "HookIn")
OF_TARGET: Final = ("app_type", "instance_id")


def tell_actions_apart(schemas: Json) -> None:
    """Turn each of `BODIES` into a union of one schema per action. What is accepted does not change."""
    for body in BODIES:
        if body in schemas:
            whole = schemas[body]
            parts = {_part_name(body, action): _part(whole, action) for action in ACTIONS}
            schemas |= parts
            mapping = {action: COMPONENTS + _part_name(body, action) for action in ACTIONS}
            schemas[body] = {
                "title": body,
                "description": whole["description"],
                "oneOf": [{"$ref": reference} for reference in mapping.values()],
                "discriminator": {"propertyName": "action", "mapping": mapping},
                "examples": whole["examples"],
            }
            for action in ACTIONS.values():
                _add_params(schemas, action)


def _part_name(body: str, action: str) -> str:
    """Such as `SetHourlyCapScheduleIn`."""
    return action.title().replace("_", "") + body


def _part(whole: Json, name: str) -> Json:
    action = ACTIONS[name]
    fields = {key: {**field} for key, field in whole["properties"].items()}
    for described in fields.values():
        described.pop("examples", None)  # the whole body has one
    fields["action"] = {"type": "string", "enum": [name]}
    required = list(whole["required"])
    if not action.takes_target:
        for field in OF_TARGET:
            del fields[field]
    if action.params.model_fields:
        fields["params"] = {"$ref": COMPONENTS + action.params.__name__}
        if any(field.is_required() for field in action.params.model_fields.values()):
            required.append("params")
    else:
        del fields["params"]
    return {"type": "object", "properties": fields, "required": required, "additionalProperties": False}


def _add_params(schemas: Json, action: Action[Any]) -> None:
    params: type[In] = action.params
    if params.model_fields:
        schema = params.model_json_schema(ref_template=COMPONENTS + "{model}")
        for name, part in schema.pop("$defs", {}).items():
            schemas.setdefault(name, part)
        schemas.setdefault(params.__name__, schema)
