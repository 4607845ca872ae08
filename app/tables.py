"""Every table, in one place for alembic: importing this module fills the metadata."""

from sqlmodel import SQLModel

from app.backup import models as backup
from app.events import models as events
from app.hooks import models as hooks
from app.hunting import models as hunting
from app.instances import models as instances
from app.logs import models as logs
from app.notifications import models as notifications
from app.replays import models as replays
from app.schedules import models as schedules
from app.settings import models as settings
from app.stats import models as stats
from app.users import models as users

MODULES = (
    backup, events, hooks, hunting, instances, logs, notifications, replays, schedules, settings, stats, users,
)  # fmt: skip
METADATA = SQLModel.metadata
