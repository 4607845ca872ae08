"""Writes a migration from the differences between the models and the newest schema; review it before the commit."""

import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command

from app.core.revisions import folder, newest_revision
from app.core.upgrades import alembic_config


def main(name: str) -> int:
    if not name.strip():
        print('Name it: make migration name="add hunt notes"', file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        config = alembic_config(f"sqlite+aiosqlite:///{Path(scratch) / 'scratch.db'}")
        config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
        command.upgrade(config, "head")
        command.revision(config, name, autogenerate=True, rev_id=f"{int(newest_revision()) + 1:04}")
    [made] = (folder() / "versions").glob(f"{newest_revision()}_*.py")
    for tidy in (["check", "--quiet", "--fix-only"], ["format", "--quiet"]):
        subprocess.run([Path(sys.executable).with_name("ruff"), *tidy, made], check=True)  # noqa: S603 - a tool of ours
    print(f"Made {made}: read it, then run make test.")
    return 0


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:])))
