"""The short form of `make chaos`: every process killed once, and what is around them failing; then the reckoning."""

import resource
from pathlib import Path

import pytest

from tests.chaos.experiment import Report, undergo
from tests.chaos.faults import TRIALS
from tests.chaos.kill import BLOWS, blows

pytestmark = [pytest.mark.process, pytest.mark.asyncio, pytest.mark.timeout(240)]


def well(report: Report) -> bool:
    assert report.problems == [], str(report)
    return report.hunts > 0 and report.searches > 0 and report.deliveries > 0


@pytest.mark.storage
async def test_kill_9_of_every_process_doubles_nothing_and_loses_nothing(database_url: str, tmp_path: Path) -> None:
    report = await undergo(database_url, tmp_path, blows([*BLOWS, "worker"]), seed=3)
    assert well(report)
    assert set(report.attacks) == set(BLOWS)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux lets a process limit the files of another")
async def test_a_full_disk_is_a_503_and_nothing_is_half_written(database_url: str, tmp_path: Path) -> None:
    report = await undergo(database_url, tmp_path, TRIALS["full"].attack, leniency=TRIALS["full"].leniency)
    assert well(report)
    assert report.unanswered > 0


async def test_a_clock_that_jumps_doubles_nothing_and_holds_nothing_up(database_url: str, tmp_path: Path) -> None:
    assert well(await undergo(database_url, tmp_path, TRIALS["jumping"].attack))


@pytest.mark.storage
async def test_connections_that_are_cut_lose_nothing(database: str, database_url: str, tmp_path: Path) -> None:
    """SQLite has none to cut: there the file is locked by another program."""
    trial = TRIALS["cut" if database == "postgresql" else "locked"]
    assert well(await undergo(database_url, tmp_path, trial.attack, leniency=trial.leniency))
