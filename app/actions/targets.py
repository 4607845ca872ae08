"""Which instances a schedule, a hook or a notification connection is about: one, those of an app type, or all."""

from typing import Annotated, Final

from pydantic import AfterValidator, Field
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.models import AppType
from app.arr.registry import all_apps
from app.core.errors import Invalid, NotFound
from app.core.schemas import words_of
from app.instances.service import InstanceService

ALL: Final = "all"
APP_TYPES: Final[list[str]] = [ALL, *(app_type.value for app_type in all_apps())]


def _known_app(word: str) -> str:
    if word not in APP_TYPES:
        raise ValueError(f"must be one of: {', '.join(APP_TYPES)}")
    return word


AnyAppType = Annotated[str, Field(json_schema_extra=words_of("AppTypeOrAll", APP_TYPES))]
"""As stored, unchecked."""
AppTypeOrAll = Annotated[AnyAppType, AfterValidator(_known_app)]


def app_type_of(word: str) -> AppType | None:
    """`None` for all app types."""
    return None if word == ALL else AppType(word)


async def check_target(
    session: AsyncSession, instances: InstanceService, app_type: str, instance_id: int | None
) -> None:
    """Lock the instance for the unit of work; `Invalid` when it does not exist or is of another app type."""
    if instance_id is None:
        return
    try:
        instance = await instances.require(session, instance_id, lock=True)
    except NotFound as missing:  # not the path that was called, but a field of the body
        raise Invalid(missing.message, field="body.instance_id") from None
    if app_type not in (ALL, instance.app_type):
        sentence = f"The instance {instance.id} is a {instance.app_type}: say that or all."
        raise Invalid(sentence, field="body.app_type")
