"""Bodies and replies of Swaparr's calls."""

from pydantic import Field

from app.core.fields import Int64
from app.core.schemas import In, Out, UtcTime, example
from app.instances.schemas import InstanceNumber
from app.settings.swaparr import SwaparrIn
from app.swaparr.models import SwaparrAction
from app.swaparr.policy import Away, Standing
from app.swaparr.stuck_rules import Cause


class TrackedOut(Out):
    """A download of the queue, and what is thought of it."""

    download_id: str
    title: str
    client: str | None
    indexer: str | None
    size: Int64 = Field(description="In bytes; 0 while it is not known.")
    left: int = Field(description="Bytes that are not there yet.")
    standing: Standing
    cause: Cause | None = Field(description="What is wrong with it, if anything is.")
    detail: str | None = Field(description="What its import failed for, or what fits a pattern.")
    strikes: int
    seen_at: UtcTime
    gone_at: UtcTime | None = Field(description="When it was gone from the queue; its strikes are kept for a day.")


class TrackedListOut(Out):
    """The queue that a policy watches."""

    away: Away | None = Field(description="Why nothing counts for now.")
    dry_run: bool
    downloads: list[TrackedOut]


class SwaparrEntryOut(Out):
    """A decision that changed something, or would have."""

    id: int
    at: UtcTime
    action: SwaparrAction
    cause: Cause | None
    detail: str | None
    download_id: str | None
    title: str | None
    strikes: int
    searches: int = Field(description="Searches that were asked for after a removal.")
    message: str


class SwaparrRunIn(In):
    model_config = example({"dry_run": True})

    dry_run: bool | None = Field(None, description="Instead of the policy's own; null is the policy's.")


class SwaparrQueuedOut(Out):
    """A look that was queued."""

    instance_id: int
    dry_run: bool


class ForgiveIn(In):
    model_config = example({"download_id": "0123456789ABCDEF0123456789ABCDEF01234567"})

    download_id: str = Field(min_length=1, max_length=200)


class PolicyTestIn(In):
    """Either a stored policy by `instance_id`, or an unsaved one by `target_instance_id`."""

    model_config = example({"instance_id": 1, "swaparr": {"max_strikes": 4}})

    instance_id: InstanceNumber | None = None
    target_instance_id: InstanceNumber | None = None
    swaparr: SwaparrIn | None = None


class PolicyTestOut(Out):
    """What a policy would do now; `error` says why that cannot be known."""

    ok: bool
    error_code: str | None
    error: str | None
    away: Away | None = Field(description="Why nothing would count.")
    downloads: int
    would: list[str] = Field(description="What would follow from a look, as sentences.")
