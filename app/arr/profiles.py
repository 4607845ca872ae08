"""Quality profiles and custom formats, with fingerprints that change when the releases an app would take do."""

from hashlib import sha256
from json import dumps

from app.arr.errors import BadReply
from app.arr.models import QualityProfile
from app.arr.parsing import Flag, Id, Line, MaybeScore, Resource, read_all
from app.http.bodies import Json

FINGERPRINT_LENGTH = 16
# The keys of a profile that decide on releases. Names, and keys that an update of the app adds, change no fingerprint.
PROFILE_KEYS = frozenset(
    {
        *("upgradeAllowed", "cutoff", "items", "allowed", "quality", "id", "language"),
        *("minFormatScore", "cutoffFormatScore", "minUpgradeFormatScore", "formatItems", "format", "score"),
        *("minSize", "maxSize", "preferredSize"),
    }
)
FORMAT_KEYS = frozenset({"id", "specifications", "implementation", "negate", "required", "fields", "value"})


class ProfileResource(Resource):
    id: Id
    name: Line
    upgrade_allowed: Flag = False
    cutoff_format_score: MaybeScore = None


def read_profiles(reply: Json, *, has_scores: bool) -> list[QualityProfile]:
    """Every readable profile."""
    if not isinstance(reply, list):
        raise BadReply("The app answered with no list of quality profiles.")
    profiles: list[QualityProfile] = []
    for record in reply:
        for profile in read_all(ProfileResource, [record], "quality profiles")[0]:
            score = (profile.cutoff_format_score or 0) if has_scores else 0
            fingerprint = _fingerprint(_only(record, PROFILE_KEYS))
            profiles.append(QualityProfile(profile.id, profile.name, profile.upgrade_allowed, score, fingerprint))
    return profiles


def read_formats_fingerprint(reply: Json) -> str:
    """Fingerprint of all custom formats."""
    if not isinstance(reply, list):
        raise BadReply("The app answered with no list of custom formats.")
    return _fingerprint(sorted((_only(record, FORMAT_KEYS) for record in reply), key=_text))


def _only(value: Json, keys: frozenset[str]) -> Json:
    """`value` with only these keys, at any depth; the scores of formats are sorted, as their order means nothing."""
    if isinstance(value, list):
        return [_only(child, keys) for child in value]
    if not isinstance(value, dict):
        return value
    kept: dict[str, Json] = {key: _only(child, keys) for key, child in value.items() if key in keys}
    scores = kept.get("formatItems")
    if isinstance(scores, list):
        kept["formatItems"] = sorted(scores, key=_text)
    return kept


def _text(value: Json) -> str:
    return dumps(value, sort_keys=True)


def _fingerprint(value: Json) -> str:
    return sha256(_text(value).encode()).hexdigest()[:FINGERPRINT_LENGTH]
