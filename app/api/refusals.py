"""The error replies of the document: each is one component with a name, and a sentence that the server really says."""

from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import Any, Final

from app.actions.targets import ALL
from app.api.errors import INTERNAL_ERROR, SENTENCES, WITH_REQUEST_ID, WITH_RETRY_AFTER
from app.api.policy import MAX_BODY_BYTES
from app.arr.models import AppType
from app.arr.registry import all_apps, hunting_apps
from app.auth.service import CHANGED_MEANWHILE, OWNER_EXISTS, TOKEN_REQUIRED, WRONG
from app.auth.two_factor import ALREADY_ON
from app.logs.models import SOURCES
from app.metrics.service import OFF
from app.movie_hunt.clients import NO_CLIENT as NO_SUCH_CLIENT
from app.movie_hunt.clients import SAME_NAME as CLIENT_NAME
from app.movie_hunt.downloads import NO_ENTRY, NO_GRAB
from app.movie_hunt.downloads import NOT_WAITING as NOT_WAITING_FOR_PERSON
from app.movie_hunt.grabbing import BUSY
from app.movie_hunt.grabbing import NO_RELEASE as NO_SUCH_RELEASE
from app.movie_hunt.indexers import NO_INDEXER as NO_SUCH_INDEXER
from app.movie_hunt.indexers import SAME_NAME as INDEXER_NAME
from app.movie_hunt.library import NO_MOVIE as NO_SUCH_MOVIE
from app.movie_hunt.library import THERE_ALREADY, no_movies
from app.movie_hunt.metadata import NO_KEY
from app.movie_hunt.profiles import NO_PROFILE as NO_SUCH_PROFILE
from app.movie_hunt.profiles import SAME_NAME as PROFILE_NAME
from app.movie_hunt.root_folders import FOLDER_EXISTS
from app.movie_hunt.root_folders import NO_FOLDER as NO_SUCH_FOLDER
from app.notifications.service import MAX_CONNECTIONS

Json = dict[str, Any]
Responses = dict[int | str, Json]

REFERENCE: Final = "#/components/responses/"
EXAMPLE_ID: Final = 7
REQUEST_ID_HEADER: Final = "X-Request-Id"
RETRY_AFTER_HEADER: Final = "Retry-After"
CHALLENGE_HEADER: Final = "WWW-Authenticate"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error reply; `sentence` is its example, and `field` the one that is invalid."""

    name: str
    status: int
    meaning: str
    sentence: str
    field: str | None = None


def _no(name: str, noun: str) -> Refusal:
    return Refusal(name, 404, "There is nothing with this id.", f"There is no {noun} with the id {EXAMPLE_ID}.")


def _no_app_type(name: str, known: Iterable[AppType]) -> Refusal:
    sentence = f"There is no such app type; there are: {', '.join(known)}."
    return Refusal(name, 404, "There is no such app type.", sentence)


def _invalid(name: str, field: str | None, message: str) -> Refusal:
    sentence = f"{field}: {message}" if field else message
    return Refusal(name, 422, "The request is not valid; `details` says where.", sentence, field)


NO_APP_TYPE = _no_app_type("NoAppType", all_apps())
NO_HUNTING_APP_TYPE = _no_app_type("NoHuntingAppType", hunting_apps())
NO_HUNT = _no("NoHunt", "hunt")
NO_INSTANCE = _no("NoInstance", "instance")
NO_SUCH_INSTANCE = _no("NoInstanceOfType", all_apps()[0].value)
NO_PROWLARR = _no("NoProwlarr", AppType.PROWLARR.value)
NO_POLICY = _no("NoPolicy", AppType.SWAPARR.value)
NO_SCHEDULE = _no("NoSchedule", "schedule")
NO_CONNECTION = _no("NoConnection", "notification connection")
NO_HOOK = _no("NoHook", "hook")
NO_API_KEY = _no("NoApiKey", "API key")
NO_SESSION = _no("NoSession", "session")
NO_LOG_SOURCE = Refusal(
    "NoLogSource",
    404,
    "There is no such source of log entries.",
    f"There is no such app type; there are: {', '.join((*SOURCES, ALL))}.",
)
NO_MOVIE = Refusal("NoMovie", 404, "There is no such movie.", NO_SUCH_MOVIE)
NO_MOVIES = Refusal("NoMovies", 404, "One of the movies does not exist.", no_movies([1, 2]))
NO_RELEASE = Refusal("NoRelease", 404, "There is no such movie or release.", NO_SUCH_RELEASE)
NO_QUEUE_ENTRY = Refusal("NoQueueEntry", 404, "There is no such download.", NO_GRAB)
NO_BLOCKLIST_ENTRY = Refusal("NoBlocklistEntry", 404, "There is no such entry.", NO_ENTRY)
NO_PROFILE = Refusal("NoQualityProfile", 404, "There is no such quality profile.", NO_SUCH_PROFILE)
NO_INDEXER = Refusal("NoIndexer", 404, "There is no such indexer.", NO_SUCH_INDEXER)
NO_CLIENT = Refusal("NoDownloadClient", 404, "There is no such download client.", NO_SUCH_CLIENT)
NO_FOLDER = Refusal("NoRootFolder", 404, "There is no such root folder.", NO_SUCH_FOLDER)
MOVIE_THERE = Refusal("MovieExists", 409, "It is in the library already.", THERE_ALREADY)
NO_TMDB_KEY = Refusal("NoTmdbKey", 409, "There is no key for TMDB.", NO_KEY)
BUSY_MOVIE = Refusal("GrabFailed", 409, "It could not be grabbed.", BUSY)
NOT_WAITING = Refusal("NotWaiting", 409, "It does not wait for a person.", NOT_WAITING_FOR_PERSON)
PROFILE_NAME_TAKEN = Refusal("QualityProfileExists", 409, "The name is taken.", PROFILE_NAME)
INDEXER_NAME_TAKEN = Refusal("IndexerExists", 409, "The name is taken.", INDEXER_NAME)
CLIENT_NAME_TAKEN = Refusal("DownloadClientExists", 409, "The name is taken.", CLIENT_NAME)
FOLDER_THERE = Refusal("RootFolderExists", 409, "It is there already.", FOLDER_EXISTS)
PROFILE_IN_USE = Refusal(
    "QualityProfileInUse", 409, "Movies have it.", "3 movies have this quality profile: give them another one first."
)
CLIENT_BUSY = Refusal(
    "DownloadClientBusy",
    409,
    "It downloads something.",
    "1 downloads in it are not imported yet: wait for them or remove them first.",
)
FOLDER_IN_USE = Refusal(
    "RootFolderInUse",
    409,
    "Movies are kept in it.",
    "3 movies are kept in this root folder: move them to another one first.",
)
TMDB_FAILED = Refusal("TmdbFailed", 502, "TMDB did not answer as it should.", "TMDB refuses the key: check it.")
NO_BACKUP = Refusal("NoBackup", 404, "There is no such backup.", "There is no such backup.")
METRICS_OFF = Refusal("MetricsOff", 404, "Metrics are turned off.", OFF)

INSTANCE_DISABLED = Refusal(
    "InstanceDisabled",
    409,
    "No instance to hunt is enabled.",
    "The instance is disabled: enable one to hunt.",
)
HUNT_OVER = Refusal("HuntOver", 409, "The hunt is over.", "The hunt is over: completed.")
SAME_URL = Refusal(
    "SameUrl", 409, "An instance has this address already.", "A sonarr with the url http://sonarr:8989 exists already."
)
POLICY_EXISTS = Refusal(
    "PolicyExists",
    409,
    "The instance is watched already.",
    "The instance 1 has a policy already: change that one.",
)
DOES_NOT_HUNT = Refusal("DoesNotHunt", 409, "The app is none that hunts.", "Huntarr does not hunt in Prowlarr.")
TOO_MANY_CONNECTIONS = Refusal(
    "TooManyConnections",
    409,
    "There are too many connections.",
    f"There are {MAX_CONNECTIONS} connections already: delete one first.",
)
CONNECTION_CHANGED = Refusal(
    "ConnectionChanged",
    409,
    "The connection was changed by another call.",
    "The connection was changed meanwhile: read it again.",
)
HOOK_OUTDATED = Refusal(
    "HookOutdated",
    409,
    "The hook was made by another version.",
    "This version cannot do what the hook Button was made for: create it again.",
)
RESTORE_RUNS = Refusal("RestoreRuns", 409, "A restore runs.", "Another restore is under way.")
BACKUP_IN_USE = Refusal("BackupInUse", 409, "The backup is in use.", "The backup is being restored.")
TARGET_DISABLED = Refusal(
    "TargetDisabled",
    409,
    "The watched instance is disabled.",
    "Movies is disabled: nobody looks at its queue.",
)
OWNER_EXISTS_ALREADY = Refusal("OwnerExists", 409, "There is an owner.", OWNER_EXISTS)
PASSWORD_CHANGED = Refusal("PasswordChanged", 409, "Another call changed the password.", CHANGED_MEANWHILE)
TWO_FACTOR_IS_ON = Refusal("TwoFactorIsOn", 409, "Two-factor login is on.", ALREADY_ON)
TWO_FACTOR_IS_OFF = Refusal("TwoFactorIsOff", 409, "Two-factor login is off.", "Two-factor login is off.")
KEY_REUSED = Refusal(
    "IdempotencyKeyReused",
    409,
    "The Idempotency-Key belongs to another request.",
    "This Idempotency-Key was used for another request.",
)

WRONG_LOGIN = Refusal("WrongLogin", 401, "Name, password or code is wrong.", WRONG)
NO_CREDENTIALS = Refusal("NotAuthenticated", 401, "No credentials, or wrong ones.", SENTENCES[401])
WRONG_TOKEN = Refusal("WrongToken", 401, "The token is wrong.", "The token is not valid.")

SETUP_TOKEN_NEEDED = Refusal("SetupTokenNeeded", 403, "The setup token is missing or wrong.", TOKEN_REQUIRED)
READ_ONLY = Refusal("ReadOnly", 403, "The caller may not do this.", "This API key may only read.")
SESSION_NEEDED = Refusal(
    "SessionNeeded",
    403,
    "Only a session may do this.",
    "Only a session can do this: log in, an API key is not enough.",
)
POST_ONLY = Refusal(
    "PostOnly",
    403,
    "The hook takes no GET.",
    "This hook takes POST only: create it with allow_get to call it with GET.",
)

TOO_MANY_KEYS = Refusal(
    "TooManyWrongKeys",
    429,
    "Too many wrong keys came from this address.",
    "Too many wrong API keys came from your address: try again later.",
)
TOO_MANY_LOGINS = Refusal(
    "TooManyWrongLogins",
    429,
    "Too many wrong attempts.",
    "Too many wrong attempts: try again later.",
)
TOO_MANY_CALLS = Refusal("TooManyCalls", 429, "Too many calls.", "A hook can be called once a second.")

UNREADABLE = Refusal("BadRequest", 400, "The request cannot be read.", "The body is not valid JSON.")
UNREADABLE_HEAD = Refusal("BadAddress", 400, "The address cannot be read.", "The address holds a NUL character.")
TOO_LARGE = Refusal("TooLarge", 413, "The body is too large.", f"The body is larger than {MAX_BODY_BYTES} bytes.")
NOT_JSON = Refusal(
    "NotJson",
    415,
    "The body is of another type.",
    "The body must be JSON, sent as application/json and not compressed.",
)
NOT_A_FORM = Refusal(
    "NotAForm", 415, "The body is of another type.", "The body must be a file, sent as multipart/form-data."
)
INVALID_BODY = _invalid("InvalidBody", "body.name", "Field required")
INVALID_FORM = _invalid("InvalidForm", "body.file", "Field required")
INVALID_PAGE = _invalid("InvalidPage", "query.page_size", "Input should be less than or equal to 500")
INVALID_FILTER = _invalid("InvalidFilter", "query.instance_id", "Input should be greater than or equal to 1")
INVALID_REQUEST = _invalid("InvalidRequest", None, "2 fields are not valid.")
BROKEN = Refusal("InternalError", 500, "Something went wrong inside Huntarr.", INTERNAL_ERROR)
UNAVAILABLE = Refusal(
    "Unavailable",
    503,
    "The database or Redis is not there.",
    "The database is not available: it is locked, full or unreachable.",
)


def errors(*refusals: Refusal) -> Responses:
    """`responses=` of a route: the refusals of its own. Those that follow from its policy are added by `document`."""
    return {refusal.status: {"$ref": REFERENCE + refusal.name} for refusal in refusals}


def _all() -> dict[str, Refusal]:
    return {found.name: found for found in globals().values() if isinstance(found, Refusal)}


def components(names: Iterable[str], schema: Json) -> Json:
    """`components.responses`: the refusals with these names; `schema` is that of the body."""
    known = _all()
    return {name: _component(known[name], schema) for name in sorted(names)}


def _component(refusal: Refusal, schema: Json) -> Json:
    example: Json = {"success": False, "error": refusal.sentence}
    if refusal.field:
        example["details"] = [{"field": refusal.field, "message": refusal.sentence.partition(": ")[2]}]
    if refusal.status in WITH_REQUEST_ID:
        example["request_id"] = "f3b0c44298fc1c14"
    headers = [REQUEST_ID_HEADER]
    if refusal.status in WITH_RETRY_AFTER:
        headers.append(RETRY_AFTER_HEADER)
    if refusal.status == 401:
        headers.append(CHALLENGE_HEADER)
    return {
        "description": refusal.meaning,
        "headers": header_references(headers),
        "content": {"application/json": {"schema": schema, "example": example}},
    }


def header_references(names: Iterable[str]) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def of_input(query: Set[str], body: Json | None) -> Refusal:
    """How invalid input of a call is refused, by what it takes."""
    if body is not None:
        return INVALID_FORM if "multipart/form-data" in body["content"] else INVALID_BODY
    if "page_size" in query:
        return INVALID_PAGE
    return INVALID_FILTER if "instance_id" in query else INVALID_REQUEST
