"""Whether a release is better than the file that is there, or than a download that is under way."""

from app.movie_hunt.decisions.facts import GrabRules, HeldFile, Offer, ProfileRules, Rejection
from app.releases.models import Quality, Revision

FULL_EDITIONS = ("extended", "director", "uncut", "unrated", "imax", "ultimate", "final cut")


def group_of(quality: Quality, profile: ProfileRules) -> int:
    """The place of a quality in the profile; -1 for one that it does not name."""
    return next((place for place, group in enumerate(profile.groups) if quality in group), -1)


def revision_key(revision: Revision) -> tuple[int, int]:
    return revision.real, revision.version


def upgrade_rejections(
    offer: Offer, score: int, held: HeldFile, profile: ProfileRules, rules: GrabRules
) -> list[Rejection]:
    """Why the release is no upgrade of the file; empty when it is one."""
    better = group_of(offer.name.quality, profile) - group_of(held.quality, profile)
    newer = _newer(offer, held)
    if newer > 0 and better == 0 and rules.upgrades_to_propers:
        return _repack_rejections(offer, held) if offer.name.quality is held.quality else []
    is_better = better > 0 or (better == 0 and score > held.score)
    off = [Rejection.UPGRADES_OFF] if is_better and not profile.upgrades_allowed else []
    met = _quality_met(held, profile)
    if met and (off or profile.cutoff_score is None or held.score >= profile.cutoff_score):
        return [Rejection.CUTOFF_MET, *off]
    if off:
        return off
    return _no_better(offer, score, held, profile, better if better or newer >= 0 else -1)


def _no_better(offer: Offer, score: int, held: HeldFile, profile: ProfileRules, better: int) -> list[Rejection]:
    """`better`: by how many places of the profile its quality is above the file's."""
    if better < 0:
        return [Rejection.FILE_SAME_OR_BETTER]
    if better > 0:
        if _quality_met(held, profile):
            return [Rejection.CUTOFF_MET]
        return [Rejection.FILE_SAME_OR_BETTER] if _loses_edition(offer, held) else []
    return [Rejection.FILE_SCORE_SAME_OR_HIGHER] if score < held.score + max(1, profile.min_score_increment) else []


def _newer(offer: Offer, held: HeldFile) -> int:
    mine, theirs = revision_key(offer.name.revision), revision_key(held.revision)
    return (mine > theirs) - (mine < theirs)


def _quality_met(held: HeldFile, profile: ProfileRules) -> bool:
    """Without upgrades any allowed quality is the cutoff."""
    cutoff = group_of(profile.cutoff, profile)
    if not profile.upgrades_allowed:
        return held.quality in profile.allowed
    return group_of(held.quality, profile) >= cutoff


def _repack_rejections(offer: Offer, held: HeldFile) -> list[Rejection]:
    """A repack puts right what its own group did wrong."""
    if not offer.name.revision.is_repack:
        return []
    same = offer.name.group is not None and (offer.name.group or "").lower() == (held.group or "").lower()
    return [] if same else [Rejection.REPACK_OF_ANOTHER_GROUP]


def _loses_edition(offer: Offer, held: HeldFile) -> bool:
    """Whether a longer version would be replaced by the one of the cinemas."""
    mine, theirs = (offer.name.edition or "").lower(), (held.edition or "").lower()
    return "theatrical" in mine and any(word in theirs for word in FULL_EDITIONS)
