"""General settings, MQTT settings, and the hunting defaults of each app type."""

from typing import Any, TypeVar

from pydantic import create_model

from app.api.deps import CurrentCaller
from app.api.policy import Access, RoutePolicy
from app.api.refusals import NO_HUNTING_APP_TYPE, errors
from app.api.routing import ApiRouter
from app.api.services import HuntingApp, Instances, Mqtt, Settings
from app.api.tags import Tag
from app.arr.registry import hunting_apps
from app.core.schemas import Out, Reply
from app.home_assistant.settings import MqttIn, MqttSettings
from app.settings.general import GeneralIn, GeneralSettings
from app.settings.hunting import HuntingIn, HuntingSettings

OutT = TypeVar("OutT", bound=Out)

router = ApiRouter(tag=Tag.SETTINGS, prefix="/api/settings")


def _with_hunting_sections(model: type[OutT]) -> type[OutT]:
    """Class decorator: adds the section of every app type that hunts."""
    sections: dict[str, Any] = {app_type.value: (HuntingSettings, ...) for app_type in hunting_apps()}
    return create_model(model.__name__, __base__=model, __doc__=model.__doc__, **sections)


@_with_hunting_sections
class AllSettingsOut(Out):
    """All sections of the settings."""

    general: GeneralSettings
    mqtt: MqttSettings


@router.get("", summary="All settings")
@RoutePolicy(Access.READ, etag=True)
async def get_settings(settings: Settings, mqtt: Mqtt) -> Reply[AllSettingsOut]:
    """Secrets are shown as stars."""
    sections = {**await settings.sections(), "mqtt": await mqtt.read()}
    return Reply[AllSettingsOut](data=AllSettingsOut.model_validate(sections))


@router.get("/general", summary="General settings")
@RoutePolicy(Access.READ, etag=True)
async def get_general_settings(settings: Settings) -> Reply[GeneralSettings]:
    return Reply[GeneralSettings](data=await settings.general())


@router.post("/general", summary="Change general settings")
@RoutePolicy(Access.FULL)
async def update_general_settings(body: GeneralIn, settings: Settings, caller: CurrentCaller) -> Reply[GeneralSettings]:
    """Any subset; all of it is stored or nothing. No managed key switches `verify_tls` off."""
    changed = await settings.update_general(body, may_trust_anybody=caller.key_id is None)
    return Reply[GeneralSettings](data=changed, message="Settings saved")


@router.get("/mqtt", summary="MQTT settings")
@RoutePolicy(Access.READ, etag=True)
async def get_mqtt_settings(mqtt: Mqtt) -> Reply[MqttSettings]:
    return Reply[MqttSettings](data=await mqtt.read())


@router.post("/mqtt", summary="Change MQTT settings")
@RoutePolicy(Access.FULL)
async def update_mqtt_settings(body: MqttIn, mqtt: Mqtt) -> Reply[MqttSettings]:
    """Any subset; all of it is stored or nothing. The worker reconnects within seconds."""
    return Reply[MqttSettings](data=await mqtt.update(body), message="Settings saved")


@router.get("/{app_type}", summary="Hunting defaults of an app type", responses=errors(NO_HUNTING_APP_TYPE))
@RoutePolicy(Access.READ, etag=True)
async def get_hunting_settings(app_type: HuntingApp, settings: Settings) -> Reply[HuntingSettings]:
    """Settings of every instance of the type that does not override them."""
    return Reply[HuntingSettings](data=await settings.hunting(app_type))


@router.post("/{app_type}", summary="Change hunting defaults", responses=errors(NO_HUNTING_APP_TYPE))
@RoutePolicy(Access.FULL)
async def update_hunting_settings(
    app_type: HuntingApp, body: HuntingIn, instances: Instances
) -> Reply[HuntingSettings]:
    """Any subset; `null` restores the built-in default."""
    return Reply[HuntingSettings](data=await instances.update_defaults(app_type, body), message="Settings saved")
