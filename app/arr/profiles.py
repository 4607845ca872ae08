"""Quality profiles and custom formats, and marks that change whenever what an app takes or prefers does."""

from hashlib import sha256
from json import dumps

from app.arr.errors import BadReply
from app.arr.models import QualityProfile
from app.arr.parsing import Flag, Id, Line, MaybeScore, Resource, read_all
from app.http.bodies import Json

MARK_LENGTH = 16
# What a profile takes and prefers (arr contracts §6.2); names, and keys that an update of the app may add, are none.
TASTE = frozenset(
    {
        *("upgradeAllowed", "cutoff", "items", "allowed", "quality", "id", "language"),
        *("minFormatScore", "cutoffFormatScore", "minUpgradeFormatScore", "formatItems", "format", "score"),
        *("minSize", "maxSize", "preferredSize"),
    }
)
FORMAT = frozenset({"id", "specifications", "implementation", "negate", "required", "fields", "value"})


class ProfileResource(Resource):
    id: Id
    name: Line
    upgrade_allowed: Flag = False
    cutoff_format_score: MaybeScore = None


def read_profiles(reply: Json, *, has_scores: bool) -> list[QualityProfile]:
    """Every readable profile, with its mark."""
    if not isinstance(reply, list):
        raise BadReply("The app answered with no list of quality profiles.")
    profiles: list[QualityProfile] = []
    for record in reply:
        for one in read_all(ProfileResource, [record], "quality profiles")[0]:
            score = (one.cutoff_format_score or 0) if has_scores else 0
            mark = _mark(_kept(record, TASTE))
            profiles.append(QualityProfile(one.id, one.name, one.upgrade_allowed, score, mark))
    return profiles


def read_formats_mark(reply: Json) -> str:
    """Another one after any change of a custom format."""
    if not isinstance(reply, list):
        raise BadReply("The app answered with no list of custom formats.")
    return _mark(sorted((_kept(record, FORMAT) for record in reply), key=_text))


def _kept(value: Json, keys: frozenset[str]) -> Json:
    """`value` with only those keys, at any depth; the scores of formats have no order."""
    if isinstance(value, list):
        return [_kept(one, keys) for one in value]
    if not isinstance(value, dict):
        return value
    kept: dict[str, Json] = {key: _kept(one, keys) for key, one in value.items() if key in keys}
    scores = kept.get("formatItems")
    if isinstance(scores, list):
        kept["formatItems"] = sorted(scores, key=_text)
    return kept


def _text(value: Json) -> str:
    return dumps(value, sort_keys=True)


def _mark(value: Json) -> str:
    return sha256(_text(value).encode()).hexdigest()[:MARK_LENGTH]
