"""The roll-ups behind the dashboard: written with the fact in one transaction, so that no poll ever counts rows."""

from sqlmodel import Field, SQLModel


class Counters(SQLModel):
    """What is counted of an instance."""

    hunted: int = 0
    upgraded: int = 0
    grabbed: int = 0
    imported: int = 0
    errors: int = 0


class StatTotal(Counters, table=True):
    """Since the last reset; they outlive the instance."""

    __tablename__ = "stat_totals"

    app_type: str = Field(primary_key=True, max_length=20)
    instance_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})


class StatDay(Counters, table=True):
    """Of one UTC day."""

    __tablename__ = "stat_days"

    day: str = Field(primary_key=True, max_length=10)
    app_type: str = Field(primary_key=True, max_length=20)
    instance_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})


class StatPass(SQLModel, table=True):
    """Of one pass of an instance on one UTC day: what its searches led to."""

    __tablename__ = "stat_passes"

    day: str = Field(primary_key=True, max_length=10)
    app_type: str = Field(primary_key=True, max_length=20)
    instance_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    hunt_pass: str = Field(primary_key=True, max_length=20)
    searches: int = 0
    grabbed: int = 0
    imported: int = 0


class StatPassTotal(SQLModel, table=True):
    """Of one pass of an instance since ever: it only grows, as Prometheus wants its counters."""

    __tablename__ = "stat_pass_totals"

    app_type: str = Field(primary_key=True, max_length=20)
    instance_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    hunt_pass: str = Field(primary_key=True, max_length=20)
    searches: int = 0
    withdrawn: int = 0
    """Searches among them that the app dropped before it began; elsewhere they are taken off again."""
    grabbed: int = 0
    imported: int = 0


class StatHunt(SQLModel, table=True):
    """Hunts of an instance that ended with one status, since ever, and how long they took."""

    __tablename__ = "stat_hunts"

    app_type: str = Field(primary_key=True, max_length=20)
    instance_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    status: str = Field(primary_key=True, max_length=20)
    hunts: int = 0
    timed: int = 0
    """Hunts among them that had begun; only these took time."""
    seconds: float = 0.0
    le_1: int = 0
    """Timed ones of at most one second; so on with the others."""
    le_5: int = 0
    le_15: int = 0
    le_60: int = 0
    le_300: int = 0
    le_900: int = 0
