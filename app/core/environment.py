"""Reads the variables `HUNTARR_…` as people write them: in quotes, misspelt, from files.

The names come from `Config`. Kubernetes adds variables of its own where a service is called `huntarr`.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from app.core.errors import StartFailed

PREFIX = "HUNTARR_"
FILE_SUFFIX = "_FILE"
MAX_FILE_BYTES = 64 * 1024
NEW_SECRET_KEY = f"{PREFIX}NEW_SECRET_KEY"
"""Of `huntarr rotate-key` alone, so that it is no field of `Config`."""
SERVICE_LINK = re.compile(r"HUNTARR_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")
SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://\S+")


@dataclass(frozen=True, slots=True)
class Remark:
    """What the start says in its log about a variable."""

    event: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Environment:
    """Values by the name of their field, and what is to be said about the variables."""

    values: dict[str, str]
    remarks: tuple[Remark, ...]


def read_environment(variables: Mapping[str, str], known: Collection[str], secret: Collection[str]) -> Environment:
    """The values of the fields in `known`; those in `secret` may also be in a file that `HUNTARR_…_FILE` names."""
    names = {f"{PREFIX}{field.upper()}": field for field in known}
    files = {f"{PREFIX}{field.upper()}{FILE_SUFFIX}": field for field in secret}
    others = {NEW_SECRET_KEY, NEW_SECRET_KEY + FILE_SUFFIX}
    values: dict[str, str] = {}
    remarks: list[Remark] = []
    given = dict(_given(variables))
    for name, text in given.items():
        if name == f"{PREFIX}PORT" and SERVICE_ADDRESS.fullmatch(text):
            reason = "Kubernetes sets it for a service of this name; give another with enableServiceLinks: false."
            remarks.append(Remark("variable is not used", {"variable": name, "reason": reason}))
        elif name in names:
            values[names[name]] = text
        elif name in files:
            if name.removesuffix(FILE_SUFFIX) in given:
                raise StartFailed(f"{name.removesuffix(FILE_SUFFIX)} and {name} are both given: keep one of them.")
            values[files[name]] = read_secret_file(name, text)
        elif name not in others and not SERVICE_LINK.fullmatch(name):
            ours = [taken.removeprefix(PREFIX) for taken in (*names, *files)]
            nearest = get_close_matches(name.removeprefix(PREFIX), ours, n=1)
            fields = {"variable": name, "nearest": PREFIX + nearest[0]} if nearest else {"variable": name}
            remarks.append(Remark("variable is not known", fields))
    return Environment(values, tuple(remarks))


def given_secret(variables: Mapping[str, str], name: str) -> str | None:
    """The secret of one variable that is no field of the configuration, or of the file that `…_FILE` names."""
    given = dict(_given(variables))
    path = given.get(name + FILE_SUFFIX)
    return given.get(name) or (read_secret_file(name + FILE_SUFFIX, path) if path else None)


def read_secret_file(name: str, path: str) -> str:
    """The secret in the file that the variable `name` gives, without the line break at its end."""
    try:
        with Path(path).open("rb") as handle:
            text = handle.read(MAX_FILE_BYTES).decode().strip()
    except (OSError, ValueError) as failure:
        why = failure.strerror if isinstance(failure, OSError) else "it is not text"
        raise StartFailed(f"{name} is wrong: the file cannot be read: {why}.") from None
    if not text:
        raise StartFailed(f"{name} is wrong: the file is empty.")
    return text


def unquoted(text: str) -> str:
    """Without blanks around it and the quotes that `docker --env-file` and some editors leave in place."""
    text = text.strip()
    while len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1].strip()
    return text


def is_text(text: str) -> bool:
    """False when the system gave bytes that are not UTF-8: they arrive as lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _given(variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Our variables that are not empty."""
    for name, value in variables.items():
        text = unquoted(value)
        if not name.upper().startswith(PREFIX) or not text:
            continue
        if not is_text(text):
            raise StartFailed(f"{name.upper()} is wrong: it must be UTF-8.")
        yield name.upper(), text
