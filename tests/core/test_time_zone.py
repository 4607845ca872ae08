"""`TZ` in all forms that people and systems give it."""

import pytest

from app.core.time_zone import LocalZone, local_zone


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("", "UTC"),
        ("Europe/Berlin", "Europe/Berlin"),
        ('"Europe/Berlin"', "Europe/Berlin"),
        (" 'Europe/Berlin' ", "Europe/Berlin"),
        (":Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("America/New York", "America/New_York"),
        ("/usr/share/zoneinfo/Asia/Tokyo", "Asia/Tokyo"),
        (":/usr/share/zoneinfo/posix/Asia/Tokyo", "Asia/Tokyo"),
        ("EST5EDT", "EST5EDT"),
        ("CET", "CET"),
        ("UTC0", "UTC"),
        ("GMT+0", "GMT+0"),
        ("UTC-2", "Etc/GMT-2"),
        ("<+0530>-5", "Etc/GMT-5"),
        ("EST5", "Etc/GMT+5"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "Europe/Amsterdam"),
        ("CET-01:00CEST-02:00,M3.5.0/2,M10.5.0/03:00:00", "Europe/Amsterdam"),
        ("EST5EDT,M3.2.0,M11.1.0", "America/Detroit"),
        ("MEZ-1MESZ,M3.5.0/02:00,M10.5.0/3", "Europe/Amsterdam"),
        ("NZST-12NZDT,M9.5.0,M4.1.0/3", "Antarctica/McMurdo"),
    ],
)
def test_a_zone_that_can_be_understood(text: str, zone: str) -> None:
    assert local_zone({"TZ": text}) == LocalZone(zone)


@pytest.mark.parametrize(
    "text", ["nonsense", "Europe/Belrin", "CET-1CEST", "UTC-25", "UTC-5:30", "../etc/passwd", "ABC"]
)
def test_what_is_not_understood_is_said_and_utc_holds(text: str) -> None:
    assert local_zone({"TZ": text}) == LocalZone("UTC", not_understood=text)


def test_no_tz_is_utc() -> None:
    assert local_zone({}) == LocalZone("UTC")
