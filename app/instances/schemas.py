"""Bodies and replies of instances."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints

from app.arr.models import AppType
from app.core.fields import ShortName
from app.core.schemas import SECRET_MASK, In, Out, UtcTime, example
from app.http.headers import MAX_VALUE_LENGTH, check_headers
from app.settings.hunting import HuntingIn, HuntingSettings
from app.settings.prowlarr import ProwlarrIn, ProwlarrSettings
from app.settings.swaparr import SwaparrIn, SwaparrSettings


def _header_value(text: str) -> str:
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("must be printable ASCII characters without spaces")
    return text


Url = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
ApiKey = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_header_value)
]


# Not the key of the app, which has a field of its own, nor what says that we want JSON.
RESERVED_HEADERS = frozenset({"accept", "user-agent", "x-api-key"})


def _sendable(headers: dict[str, str]) -> dict[str, str]:
    check_headers(headers, RESERVED_HEADERS)
    return headers


Headers = Annotated[
    dict[str, Annotated[str, StringConstraints(min_length=1, max_length=MAX_VALUE_LENGTH)]], AfterValidator(_sendable)
]
HEADERS_TEXT = (
    "Sent with every request to the app, for a log-in in front of it, such as `Authorization: Basic …`. They take the "
    "place of all stored ones; a value of stars keeps the stored one."
)
InstanceNumber = Annotated[int, Field(ge=1, le=2**31 - 1)]
PROWLARR_TEXT = "Settings of an instance of Prowlarr that differ from the defaults; other apps have none."


class InstanceIn(In):
    """A whole instance. `api_key` and `headers` may be left out, or sent as stars, where they are stored."""

    model_config = example({"name": "TV", "url": "http://localhost:8989", "api_key": "the-key-that-the-app-shows"})

    name: ShortName = Field(examples=["TV"])
    enabled: bool = True
    url: Url = Field(examples=["http://sonarr:8989"], description="With port and base path, as in a browser.")
    api_key: ApiKey | None = Field(None, examples=[SECRET_MASK], description="In the app: Settings, General.")
    headers: Headers | None = Field(None, examples=[{}], description=HEADERS_TEXT)
    hunting: HuntingIn | None = Field(None, description="Settings that differ from the defaults of the app type.")
    prowlarr: ProwlarrIn | None = Field(None, description=PROWLARR_TEXT)


class InstancePatch(In):
    """Any subset; `hunting` or `prowlarr` is merged into the stored overrides, and `null` in it removes one."""

    model_config = example({"name": "TV", "hunting": {"hourly_cap": 10}})

    name: ShortName | None = None
    enabled: bool | None = None
    url: Url | None = None
    api_key: ApiKey | None = None
    headers: Headers | None = Field(None, examples=[{}], description=HEADERS_TEXT)
    hunting: HuntingIn | None = None
    prowlarr: ProwlarrIn | None = Field(None, description=PROWLARR_TEXT)


class InstanceTestIn(InstancePatch):
    """Either a stored instance by `instance_id`, or an unsaved one by `url` and `api_key`."""

    model_config = example({"url": "http://localhost:8989", "api_key": "the-key-that-the-app-shows"})

    instance_id: InstanceNumber | None = None


class PolicyIn(In):
    """A whole policy of Swaparr."""

    model_config = example({"name": "Clean TV", "target_instance_id": 1, "swaparr": {"max_strikes": 4}})

    name: ShortName = Field(examples=["Clean TV"])
    enabled: bool = True
    target_instance_id: InstanceNumber = Field(description="The instance whose queue it watches; each has one at most.")
    swaparr: SwaparrIn | None = Field(None, description="Settings that differ from the defaults.")


class PolicyPatch(In):
    """Any subset; `swaparr` is merged into the stored settings, and `null` in it removes one."""

    model_config = example({"swaparr": {"dry_run": False}})

    name: ShortName | None = None
    enabled: bool | None = None
    swaparr: SwaparrIn | None = None


class InstanceOut(Out):
    """An instance, its settings in force, and what was last observed of it."""

    id: int
    app_type: AppType
    name: str
    enabled: bool
    url: str | None = Field(description="Null for a policy of Swaparr.")
    target_instance_id: int | None = Field(description="The instance whose queue a policy of Swaparr watches.")
    api_key: str | None = Field(examples=[SECRET_MASK])
    headers: dict[str, str] = Field(examples=[{"Authorization": SECRET_MASK}], description="The names, with stars.")
    hunting: HuntingSettings | None = Field(description="Null for an app that Huntarr does not hunt in.")
    swaparr: SwaparrSettings | None = Field(description="Null for an app.")
    prowlarr: ProwlarrSettings | None = Field(description="Null for an app that is no Prowlarr.")
    overrides: dict[str, Any] = Field(description="The settings that the instance sets itself.")
    version: str | None
    variant: str | None = Field(description="`v2` or `v3` for Whisparr, else null.")
    database: str | None = Field(description="The app's own database: `sqlite` or `postgresql`.")
    online: bool | None = Field(description="Null until it was tested for the first time.")
    error_code: str | None = Field(description="Why it is offline or rests, as a word; the words of a test.")
    error: str | None
    checked_at: UtcTime | None
    created_at: UtcTime
    updated_at: UtcTime


class InstanceTestOut(Out):
    """Result of a connection test; `error` says what to do."""

    ok: bool
    app_name: str | None
    version: str | None
    variant: str | None = Field(None, description="`v2` or `v3` for Whisparr, else null.")
    database: str | None
    latency_ms: float | None
    error_code: str | None
    error: str | None
    warnings: list[str] = Field(
        default=[], description="What is wrong with the hunting settings, such as a tag that the app does not have."
    )
