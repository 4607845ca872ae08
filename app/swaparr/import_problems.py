"""What keeps a complete download from being imported: is it in the release, or in the user's own house? Pure.

The words are those of Sonarr 4 and Radarr 6, recorded with both; they stay English in every UI language. A heading such
as "One or more episodes expected in this release …" stands over every kind of problem and is never judged.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

PARTLY_IMPORTED: Final = "partly_imported"
NOT_AN_UPGRADE: Final = "not_an_upgrade"
UNKNOWN: Final = "unknown"
OF_RELEASE: Final[Mapping[str, tuple[str, ...]]] = {
    "executable": ("found executable file",),
    "dangerous_file": ("found potentially dangerous file",),
    "archive": ("found archive file",),
    "no_video": ("invalid video file, unsupported extension", "no video files were found"),
    NOT_AN_UPGRADE: ("not an upgrade for existing", "not a custom format upgrade", "not a quality revision upgrade"),
    "other_item": ("was not found in the grabbed release", "was unexpected considering the"),
    PARTLY_IMPORTED: ("file already imported at",),
    "failed": ("download has failed", "download wasn't grabbed by"),
}
SAMPLE: Final = "sample"


@dataclass(frozen=True, slots=True)
class ImportProblem:
    """`word` is one of `OF_RELEASE`, `sample` or `unknown`."""

    word: str
    is_of_release: bool


def import_problem(messages: Iterable[str]) -> ImportProblem:
    """What all messages together say; one that may mean something else makes the whole unknown."""
    words = [_word_of(message) for message in messages]
    if not words or UNKNOWN in words:
        return ImportProblem(UNKNOWN, is_of_release=False)
    weightier = [word for word in words if word != PARTLY_IMPORTED]
    return ImportProblem((weightier or words)[0], is_of_release=True)


def _word_of(message: str) -> str:
    text = message.strip().lower()
    if text == SAMPLE:
        return SAMPLE
    for word, parts in OF_RELEASE.items():
        if any(part in text for part in parts):
            return word
    return UNKNOWN
