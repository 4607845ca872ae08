"""Locks on files and safe writes to disk."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path, *, shared: bool = False, wait: bool = False, create: bool = False) -> Iterator[bool]:
    """Hold a lock on a file or folder for the block; the kernel releases it when the process ends, however it ends.

    False when another process holds it (unless we `wait`), or when the file is missing (unless we `create` it).
    """
    kind = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT if create else os.O_RDONLY | os.O_NOFOLLOW, 0o666)
    except FileNotFoundError:
        if create:
            raise
        yield False
        return
    try:
        yield _lock(descriptor, kind)
    finally:
        os.close(descriptor)


def fsync(path: Path) -> None:
    """Write a file to disk, or a folder: a rename is on disk only when its folder is."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind)
    except BlockingIOError:
        return False
    return True
