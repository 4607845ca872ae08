"""Paths of a download client, as we see them."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

REMOTE, LOCAL = "remote", "local"


def to_local(path: str, mappings: Sequence[Mapping[str, str]]) -> Path | None:
    """The path on our side by the longest mapping that fits, else as it is; `None` for one that cannot be ours."""
    given = _pure(path)
    best: tuple[int, Path] | None = None
    for mapping in mappings:
        remote = _pure(mapping[REMOTE])
        if type(remote) is type(given) and given.is_relative_to(remote):
            rest = given.relative_to(remote)
            length = len(remote.parts)
            if best is None or length > best[0]:
                best = length, Path(mapping[LOCAL]).joinpath(*rest.parts)
    found = best[1] if best is not None else (Path(path) if isinstance(given, PurePosixPath) else None)
    return found if found is not None and found.is_absolute() and ".." not in found.parts else None


def _pure(path: str) -> PurePosixPath | PureWindowsPath:
    """Clients on Windows write `C:\\…` or `\\\\server\\…`."""
    windows = PureWindowsPath(path)
    return windows if windows.drive and not path.startswith("/") else PurePosixPath(path)
