"""How files come into place: whatever happens in between, the old or the new one is whole."""

import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.movie_hunt.importing import placing
from app.movie_hunt.importing.placing import (
    FileMove,
    ImportPlan,
    PlacingFailed,
    carry_out,
    delete_job_files,
    move_of,
    undo,
)

OLD, NEW = b"old file", b"the new file"


class Crash(BaseException):
    """The process is gone."""


def other_volume(_source: str, _target: str) -> None:
    raise OSError(errno.EXDEV, "another volume")


@pytest.fixture
def plan(tmp_path: Path) -> ImportPlan:
    """A new file of better quality takes the place of an old one, with subtitles."""
    root, download = tmp_path / "movies", tmp_path / "downloads"
    folder = root / "Iron Meadow (2019)"
    folder.mkdir(parents=True)
    download.mkdir()
    (folder / "old.mkv").write_bytes(OLD)
    (download / "new.mkv").write_bytes(NEW)
    (download / "new.srt").write_bytes(b"text")
    return ImportPlan(
        video=move_of(download / "new.mkv", folder / "new.mkv", 1),
        subtitles=(move_of(download / "new.srt", folder / "new.srt", 1000),),
        replaced=str(folder / "old.mkv"),
        root=str(root),
        download=str(download),
        keep_free=0,
    )


def names(plan: ImportPlan) -> list[str]:
    return sorted(each.name for each in Path(plan.video.target).parent.iterdir())


def test_a_file_comes_by_hard_link_and_the_old_one_goes(plan: ImportPlan) -> None:
    carry_out(plan)
    assert names(plan) == ["new.mkv", "new.srt"]
    assert Path(plan.video.target).samefile(plan.video.source)


def test_on_another_volume_it_is_copied(plan: ImportPlan) -> None:
    carry_out(plan, link=other_volume)
    assert names(plan) == ["new.mkv", "new.srt"]
    assert Path(plan.video.target).read_bytes() == NEW
    assert not Path(plan.video.target).samefile(plan.video.source)
    assert Path(plan.video.source).exists()


def test_it_may_be_carried_out_twice(plan: ImportPlan) -> None:
    carry_out(plan)
    carry_out(plan)
    carry_out(plan, link=other_volume)
    assert names(plan) == ["new.mkv", "new.srt"]


def test_the_plan_survives_its_way_through_a_document(plan: ImportPlan) -> None:
    assert ImportPlan.of(plan.document) == plan


@pytest.mark.parametrize("link", [os.link, other_volume])
@pytest.mark.parametrize("step", range(1, 9))
def test_a_crash_at_any_step_is_finished_by_the_next_try(
    plan: ImportPlan, link: Callable[[str, str], None], step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call that changes the disk may be the last one."""
    left = step

    def dying(function: Callable[..., object]) -> Callable[..., object]:
        def call(*given: object, **named: object) -> object:
            nonlocal left
            left -= 1
            if left == 0:
                raise Crash
            return function(*given, **named)

        return call

    with monkeypatch.context() as patched:
        for owner, name in ((Path, "unlink"), (Path, "replace"), (placing, "fsync"), (shutil, "copyfileobj")):
            patched.setattr(owner, name, dying(getattr(owner, name)))
        try:
            carry_out(plan, link=link)
        except Crash:
            old, new = Path(plan.replaced or ""), Path(plan.video.target)
            assert old.exists() or new.exists()
            assert not new.exists() or new.read_bytes() == NEW
    carry_out(plan, link=link)
    assert names(plan) == ["new.mkv", "new.srt"]
    assert Path(plan.video.source).read_bytes() == NEW


def test_what_is_half_done_can_be_undone(plan: ImportPlan) -> None:
    Path(plan.video.temporary).write_bytes(b"half")
    undo(plan)
    assert names(plan) == ["old.mkv"]


def test_a_symbolic_link_out_of_the_download_is_refused(plan: ImportPlan, tmp_path: Path) -> None:
    secret = tmp_path / "secret.mkv"
    secret.write_bytes(b"secret")
    Path(plan.video.source).unlink()
    Path(plan.video.source).symlink_to(secret)
    with pytest.raises(PlacingFailed, match="leads out"):
        carry_out(plan)
    assert names(plan) == ["old.mkv"]


def test_a_target_outside_of_the_root_is_refused(plan: ImportPlan, tmp_path: Path) -> None:
    outside = FileMove(plan.video.source, str(tmp_path / "x.mkv"), str(tmp_path / ".x"))
    with pytest.raises(PlacingFailed, match="outside"):
        carry_out(replace(plan, video=outside))


def test_a_file_that_is_not_ours_is_not_replaced(plan: ImportPlan) -> None:
    Path(plan.video.target).write_bytes(b"somebody's own")
    with pytest.raises(PlacingFailed, match="already"):
        carry_out(plan)
    assert Path(plan.video.target).read_bytes() == b"somebody's own"


def test_a_missing_root_is_no_folder_to_make(plan: ImportPlan, tmp_path: Path) -> None:
    with pytest.raises(PlacingFailed, match="mounted"):
        carry_out(replace(plan, root=str(tmp_path / "gone")))


def test_a_full_volume_is_told_before_the_copy(plan: ImportPlan) -> None:
    with pytest.raises(PlacingFailed, match="room"):
        carry_out(replace(plan, keep_free=2**60), link=other_volume)
    assert names(plan) == ["old.mkv"]


def test_only_the_files_of_the_job_are_deleted(tmp_path: Path) -> None:
    job = tmp_path / "job"
    (job / "sub").mkdir(parents=True)
    for name in ("a.mkv", "sub/b.srt", "other.txt"):
        (job / name).write_bytes(b"x")
    outside = tmp_path / "outside.mkv"
    outside.write_bytes(b"x")
    delete_job_files(job, [job / "a.mkv", job / "sub/b.srt", job / "../outside.mkv"])
    assert sorted(each.name for each in job.iterdir()) == ["other.txt"]
    assert outside.exists()
    delete_job_files(job, [job / "other.txt"])
    assert not job.exists()
