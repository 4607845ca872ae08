"""Which migrations there are, read from the names of their files: asking alembic would mean to import it."""

from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "alembic"
INSTALLED = Path(__file__).resolve().parents[1] / "_alembic"


def folder() -> Path:
    """The migrations: beside `app/` in a checkout, inside it in an installed wheel."""
    return SOURCE if (SOURCE / "env.py").exists() else INSTALLED


def revisions() -> list[str]:
    """The schema revisions that this version of Huntarr knows, the newest last; they are numbered."""
    return sorted(path.name.split("_", 1)[0] for path in (folder() / "versions").glob("[0-9]*_*.py"))


def newest_revision() -> str:
    return revisions()[-1]
