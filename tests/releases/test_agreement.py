"""Our reading of names beside Radarr's: how often both agree, and why not."""

import pytest

from tests.releases.agreement import FIELDS, agreement, differences, names, reasons

LEAST = {
    "parsed": 97,
    "titles": 97,
    "year": 97,
    "quality": 97,
    "revision": 97,
    "edition": 95,
    "languages": 95,
    "group": 95,
}


@pytest.mark.parametrize("field", FIELDS)
def test_names_are_read_as_radarr_reads_them(field: str) -> None:
    assert agreement(differences(), len(names()))[field] >= LEAST[field]


def test_every_difference_stands_in_the_table_with_its_reason() -> None:
    table = reasons()
    found = {(each.name, each.field): (each.ours, each.radarr) for each in differences()}
    assert found == {key: (row["ours"], row["radarr"]) for key, row in table.items()}
    assert all(row["reason"] for row in table.values())
