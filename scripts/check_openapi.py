"""Checks that the committed openapi.json is what the application serves."""

import sys

from app.api.openapi import document, render
from app.cli import DOCUMENT
from app.main import create_app


def main() -> int:
    committed = DOCUMENT.read_text() if DOCUMENT.exists() else ""
    if committed == render(document(create_app())):
        return 0
    print(
        f"{DOCUMENT} is stale: run `make openapi` and commit it with the change. If no route or schema was changed, "
        "another version of FastAPI or Pydantic writes the document differently.",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
