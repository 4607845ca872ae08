"""A simulated Prowlarr counts what apps search and read through it, and refuses above a limit."""

from datetime import UTC, datetime

from tests.simulator import LibrarySpec, SimApp, SimClock, SimProwlarr, SimSettings

BEGIN = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def behind(kind: str, *, feeds: bool = False, limit: int | None = None) -> tuple[SimApp, SimProwlarr]:
    """An app whose only indexer is behind Prowlarr; both have one clock."""
    clock = SimClock.frozen(BEGIN)
    prowlarr = SimProwlarr(clock)
    prowlarr.add("Small", query_limit=limit)
    spec = LibrarySpec(series=1) if kind == "sonarr" else LibrarySpec.with_missing(5)
    settings = SimSettings(indexers=0, grab_share=0)
    app = SimApp("sonarr" if kind == "sonarr" else "radarr", settings, library=spec, clock=clock)
    prowlarr.set_up(app, feeds=feeds)
    return app, prowlarr


def test_feeds_are_queries_every_quarter_of_an_hour() -> None:
    _, prowlarr = behind("radarr", feeds=True)
    prowlarr.clock.advance(24 * 3600)
    assert prowlarr.used(prowlarr.indexers[1]) == 96
    prowlarr.clock.advance(7 * 24 * 3600)
    assert prowlarr.used(prowlarr.indexers[1]) == 97  # both ends of the window


def test_feeds_come_in_the_order_of_time_and_keep_to_the_limit() -> None:
    _, prowlarr = behind("radarr", feeds=True, limit=10)
    indexer = prowlarr.indexers[1]
    prowlarr.clock.advance(3600)
    assert prowlarr.ask(indexer, "Radarr", times=3)
    prowlarr.clock.advance(3 * 3600)
    assert (prowlarr.used(indexer), indexer.refused) == (10, 9)
    assert [row.at for row in indexer.asked] == sorted(row.at for row in indexer.asked)
    assert not prowlarr.ask(indexer, "Radarr")


def test_a_search_asks_twice_when_nothing_is_there_and_once_otherwise() -> None:
    app, prowlarr = behind("radarr")
    item, other = sorted(app.library.missing_ids())[:2]
    app.post_command("MoviesSearch", movieIds=[item])
    app.advance(1)
    assert prowlarr.used(prowlarr.indexers[1]) == 2
    app.searcher.force(other, "grab")
    app.post_command("MoviesSearch", movieIds=[other])
    app.advance(1)
    assert prowlarr.used(prowlarr.indexers[1]) == 3


def test_a_search_of_a_season_asks_twice_always() -> None:
    app, prowlarr = behind("sonarr")
    series = app.library.add_series(title="Long", ended=True)
    episodes = [app.library.add_episode(series, 1, number) for number in (1, 2)]
    app.searcher.force(episodes[0], "grab")
    app.post_command("SeasonSearch", seriesId=series, seasonNumber=1)
    app.advance(1)
    assert app.searcher.records[-1].grabbed
    assert prowlarr.used(prowlarr.indexers[1]) == 2


def test_an_indexer_that_refuses_is_left_out_by_the_app() -> None:
    app, prowlarr = behind("radarr", limit=1)
    item = min(app.library.missing_ids())
    app.post_command("MoviesSearch", movieIds=[item])
    app.advance(1)
    assert (prowlarr.indexers[1].refused, app.indexers.searching) == (1, 0)
