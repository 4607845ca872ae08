"""Our decisions beside Radarr's: what may be grabbed, what is refused and why, and what is first."""

from typing import Any

import pytest

from tests.movie_hunt.decisions.oracle import differences, reasons, scenarios


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda each: each["name"])
def test_decisions_agree_with_radarr_or_the_difference_has_its_reason(scenario: dict[str, Any]) -> None:
    table = {key: (row["ours"], row["radarr"]) for key, row in reasons().items() if key[0] == scenario["name"]}
    assert {(each.scenario, each.release): (each.ours, each.radarr) for each in differences(scenario)} == table


def test_every_difference_has_a_reason() -> None:
    assert all(row["reason"] for row in reasons().values())
    assert len({scenario for scenario, _ in reasons()}) <= 26
