"""Every table, in one place for alembic: importing this module fills the metadata."""

from sqlmodel import SQLModel

from app.hunting import models as hunting
from app.instances import models as instances
from app.logs import models as logs
from app.replays import models as replays
from app.settings import models as settings
from app.stats import models as stats
from app.users import models as users

MODULES = (hunting, instances, logs, replays, settings, stats, users)
METADATA = SQLModel.metadata
