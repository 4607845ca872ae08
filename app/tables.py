"""Every table, in one place for alembic: importing this module fills the metadata."""

from sqlmodel import SQLModel

from app.events import models as events
from app.hunting import models as hunting
from app.instances import models as instances
from app.notifications import models as notifications
from app.replays import models as replays
from app.schedules import models as schedules
from app.settings import models as settings
from app.stats import models as stats
from app.users import models as users

MODULES = (events, hunting, instances, notifications, replays, schedules, settings, stats, users)
METADATA = SQLModel.metadata
