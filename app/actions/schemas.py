"""The part of a body that says what to do: an action, its target and its parameters."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from app.actions.actions import ACTIONS
from app.actions.targets import ALL, AppTypeOrAll
from app.core.fields import ShortName
from app.core.schemas import In, words_of


def _known_action(word: str) -> str:
    if word not in ACTIONS:
        raise ValueError(f"must be one of: {', '.join(ACTIONS)}")
    return word


StoredAction = Annotated[str, Field(json_schema_extra=words_of("ActionName", ACTIONS))]
ActionName = Annotated[StoredAction, AfterValidator(_known_action)]
Params = Annotated[
    dict[str, Any],
    Field(
        description="Of the action: "
        + "; ".join(f"{name}: {', '.join(action.params.model_fields) or 'none'}" for name, action in ACTIONS.items()),
        examples=[{"passes": ["missing"], "limit": 5}],
    ),
]


class ActionIn(In):
    """An action and its target: the common part of a schedule and a hook."""

    name: ShortName = Field(examples=["Nightly hunt"])
    action: ActionName = Field(examples=["hunt"])
    app_type: AppTypeOrAll = ALL
    instance_id: int | None = Field(None, ge=1, le=2**31 - 1)
    params: Params = Field(default={}, validate_default=True)

    @field_validator("params")
    @classmethod
    def _fit_the_action(cls, given: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        action = ACTIONS.get(info.data.get("action", ""))
        if action is None:  # reported already
            return given
        checked: dict[str, Any] = action.params.model_validate(given).model_dump(mode="json", exclude_none=True)
        return checked

    @model_validator(mode="after")
    def _takes_target(self) -> Self:
        has_target = self.instance_id is not None or self.app_type != ALL
        if has_target and not ACTIONS[self.action].takes_target:
            raise ValueError(f"{self.action} is about all hunting: leave app_type at all and instance_id out")
        return self
