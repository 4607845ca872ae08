"""Roll-ups for dashboard and metrics, written in the transaction of the fact, so that reading never counts rows."""

from sqlmodel import Field, SQLModel


class Counters(SQLModel):
    """The counters of an instance."""

    hunted: int = 0
    upgraded: int = 0
    grabbed: int = 0
    imported: int = 0
    errors: int = 0


class StatTotal(Counters, table=True):
    """Counters since the last reset; the row stays when the instance is deleted."""

    __tablename__ = "stat_totals"

    app_type: str = Field(primary_key=True, max_length=20)
    instance_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})


class StatDay(Counters, table=True):
    """Counters of one UTC day."""

    __tablename__ = "stat_days"

    day: str = Field(primary_key=True, max_length=10)
    app_type: str = Field(primary_key=True, max_length=20)
    instance_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})


class StatPass(SQLModel, table=True):
    """Searches of one pass of an instance on one UTC day, and their results."""

    __tablename__ = "stat_passes"

    day: str = Field(primary_key=True, max_length=10)
    app_type: str = Field(primary_key=True, max_length=20)
    instance_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    hunt_pass: str = Field(primary_key=True, max_length=20)
    searches: int = 0
    grabbed: int = 0
    imported: int = 0


class StatPassTotal(SQLModel, table=True):
    """Searches of one pass of an instance since the beginning; only grows, as Prometheus needs."""

    __tablename__ = "stat_pass_totals"

    app_type: str = Field(primary_key=True, max_length=20)
    instance_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    hunt_pass: str = Field(primary_key=True, max_length=20)
    searches: int = 0
    withdrawn: int = 0
    """Searches that were cancelled before the app began; the other roll-ups subtract them."""
    grabbed: int = 0
    imported: int = 0


class StatHunt(SQLModel, table=True):
    """Hunts of an instance with one final status since the beginning, and their durations."""

    __tablename__ = "stat_hunts"

    app_type: str = Field(primary_key=True, max_length=20)
    instance_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    status: str = Field(primary_key=True, max_length=20)
    hunts: int = 0
    timed: int = 0
    """Hunts that had started; only they have a duration."""
    seconds: float = 0.0
    le_1: int = 0
    """Hunts that took at most one second, and so on."""
    le_5: int = 0
    le_15: int = 0
    le_60: int = 0
    le_300: int = 0
    le_900: int = 0
