"""Every table, in one place for alembic: importing this module fills the metadata."""

from sqlmodel import SQLModel

from app.auth import models as auth
from app.backup import models as backup
from app.counters import models as counters
from app.events import models as events
from app.hunting.store import models as hunting
from app.idempotency import models as idempotency
from app.instances import models as instances
from app.logs import models as logs
from app.movie_hunt import models as movie_hunt
from app.notifications import models as notifications
from app.prowlarr import models as prowlarr
from app.schedules import models as schedules
from app.settings import models as settings
from app.swaparr import models as swaparr
from app.webhooks import models as webhooks

MODULES = (
    auth,
    backup,
    counters,
    events,
    hunting,
    idempotency,
    instances,
    logs,
    movie_hunt,
    notifications,
    prowlarr,
    schedules,
    settings,
    swaparr,
    webhooks,
)
METADATA = SQLModel.metadata
