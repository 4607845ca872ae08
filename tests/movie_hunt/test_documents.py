"""docs/movie-hunt.md lists every word and every setting."""

import pytest

from app.movie_hunt.decisions.facts import Rejection
from app.movie_hunt.importing.choosing import ImportReason
from app.movie_hunt.models import MovieEvent
from app.movie_hunt.settings import MovieHuntSettings
from app.movie_hunt.status import MovieStatus
from tests.test_house_rules import table_of

PAGE = "docs/movie-hunt.md"


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ("## Status of a movie", list(MovieStatus)),
        ("## Why a release is not taken", list(Rejection)),
        ("## Why an import waits", list(ImportReason)),
        ("## History", list(MovieEvent)),
    ],
)
def test_the_page_lists_every_word(heading: str, words: list[str]) -> None:
    assert [row[0].strip("`") for row in table_of(PAGE, heading)] == [str(word) for word in words]


def test_the_page_lists_every_setting() -> None:
    rows = table_of(PAGE, "## Settings")
    fields = MovieHuntSettings.model_fields
    assert [(row[0].strip("`"), row[2]) for row in rows] == [
        (name, field.description) for name, field in fields.items()
    ]
