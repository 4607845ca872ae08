"""Locks on files and folders."""

from pathlib import Path

import pytest

from app.core.files import fsync, locked


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locked(path, create=True) as first, locked(path) as second:
        assert (first, second) == (True, False)
    with locked(path) as again, locked(path, shared=True) as shared:
        assert (again, shared) == (True, False)


def test_shared_holders_keep_an_exclusive_one_out(tmp_path: Path) -> None:
    with locked(tmp_path, shared=True) as first, locked(tmp_path, shared=True) as second, locked(tmp_path) as third:
        assert (first, second, third) == (True, True, False)


def test_a_missing_file_or_a_link_is_not_locked(tmp_path: Path) -> None:
    with locked(tmp_path / "missing") as is_ours:
        assert not is_ours
    with pytest.raises(FileNotFoundError), locked(tmp_path / "missing" / "lock", create=True):
        pass
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(OSError, match="link"), locked(tmp_path / "link"):
        pass


def test_the_lock_ends_with_the_block(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="broken"), locked(tmp_path):
        raise ValueError("broken")
    with locked(tmp_path, wait=True) as is_ours:
        assert is_ours
    fsync(tmp_path)
