"""From a grab over the queue to the import or the failure, with the history that each app writes."""

from typing import Any

import pytest

from tests.simulator import SimApp, SimSettings
from tests.simulator_tests.caller import Caller
from tests.simulator_tests.conftest import KINDS, caller

DAY = 86_400


def search(call: Caller, *item_ids: int) -> dict[str, Any]:
    """Search items by command, and let the command end."""
    words = call.app.definition.names
    return call.run(words.search, **{words.items_field: list(item_ids)})


def events(call: Caller) -> list[str]:
    """Oldest first."""
    return [row["eventType"] for row in call.get("history/since").json]


IMPORTED = {
    "sonarr": ["downloadFolderImported"],
    "radarr": ["downloadFolderImported"],
    "whisparr": ["downloadFolderImported"],
    "lidarr": ["trackFileImported"] * 3 + ["downloadImported"],
    "readarr": ["bookFileImported", "downloadImported"],
}
DELETED = {"episode": "episodeFileDeleted", "movie": "movieFileDeleted", "book": "bookFileDeleted"}


def three_tracks(call: Caller) -> dict[str, int]:
    return {"tracks": 3} if call.app.definition.item == "album" else {}


def test_a_search_grabs_and_the_download_is_imported(any_app: Caller) -> None:
    app, words = any_app.app, any_app.app.definition.names
    item = app.add_item(**three_tracks(any_app))
    app.searcher.force(item, "import")
    done = search(any_app, item)
    assert done["status"] == "completed"
    (grab,) = any_app.get("history/since").json
    assert (grab["eventType"], grab[words.item_field], grab["date"]) == ("grabbed", item, done["ended"])
    assert (grab["data"]["releaseSource"], grab["data"]["customFormatScore"]) == (
        *("UserInvokedSearch",),
        str(grab["customFormatScore"]),
    )
    (row,) = any_app.records("queue")
    assert (row["downloadId"], row[words.item_field]) == (grab["downloadId"], item)
    assert row["quality"] == grab["quality"]
    app.advance(DAY)
    assert any_app.records("queue") == []
    imports = any_app.get("history/since").json[1:]
    assert [entry["eventType"] for entry in imports] == IMPORTED[app.definition.app_type]
    assert {entry["downloadId"] for entry in imports} == {grab["downloadId"]}
    assert app.library.missing_ids() == set()


def test_the_last_message_counts_the_grabs_except_in_both_older_whisparrs(any_app: Caller) -> None:
    item = any_app.app.add_item()
    any_app.app.searcher.force(item, "import")
    expected = {
        "episode": "Episode search completed. 1 reports downloaded.",
        "movie": "Completed search for 1 movies. 1 reports downloaded.",
        "album": "Album search completed. 1 reports downloaded.",
        "book": "Book search completed. 1 reports downloaded.",
    }[any_app.app.definition.item]
    older = any_app.app.definition.kind in ("whisparr2", "whisparr3old")
    assert search(any_app, item)["message"] == ("Completed" if older else expected)


def test_a_blocked_import_stays_in_the_queue_in_the_apps_own_state(any_app: Caller) -> None:
    item = any_app.app.add_item()
    any_app.app.searcher.force(item, "import_failed")
    search(any_app, item)
    any_app.app.advance(DAY)
    (row,) = any_app.records("queue")
    kind = any_app.app.definition.kind
    state = {
        "lidarr": "importFailed",
        "readarr": "importFailed",
        "whisparr2": "importPending",
        "whisparr3old": "importPending",
    }.get(kind, "importBlocked")
    assert (row["status"], row["trackedDownloadStatus"], row["trackedDownloadState"]) == ("completed", "warning", state)
    assert row["statusMessages"][0]["messages"]
    incomplete = {"lidarr": ["albumImportIncomplete"], "readarr": ["bookImportIncomplete"]}.get(kind, [])
    assert events(any_app) == ["grabbed", *incomplete]
    assert any_app.app.library.missing_ids() == {item}


def test_a_failed_download_is_searched_again_by_the_app_itself(any_app: Caller) -> None:
    app = any_app.app
    app.settings.grab_share = 0.0
    item = app.add_item()
    app.searcher.force(item, "download_failed")
    search(any_app, item)
    app.searcher.force(item, "import")
    app.advance(DAY)
    assert [record.trigger for record in app.searcher.records] == ["manual", "unspecified"]
    grabs = [row for row in any_app.get("history/since").json if row["eventType"] == "grabbed"]
    assert [row["data"]["releaseSource"] for row in grabs] == ["UserInvokedSearch", "Search"]
    assert "downloadFailed" in events(any_app)
    (blocked,) = any_app.records("blocklist")
    words = app.definition.names
    assert blocked.get(words.items_field, [blocked.get(words.item_field)]) == [item]


def test_an_upgrade_raises_the_file_and_says_that_the_old_one_went(any_app: Caller) -> None:
    app = any_app.app
    item = app.add_item(**three_tracks(any_app), has_file=True, quality_id=1)
    assert app.library.cutoff_ids() == {item}
    app.searcher.force(item, "import")
    search(any_app, item)
    app.advance(DAY)
    assert app.library.cutoff_ids() == set()
    gone = [event for event in events(any_app) if event.endswith("Deleted")]
    assert gone == (["trackFileDeleted"] * 3 if app.definition.item == "album" else [DELETED[app.definition.item]])


def test_a_score_below_the_profiles_is_upgraded_although_no_list_tells_it(any_app: Caller) -> None:
    app = any_app.app
    good = app.definition.catalogue.high[0]
    if app.definition.owner:
        item = app.add_item(app.add_owner(profile_id=2), has_file=True, quality_id=good, score=0)
    else:
        item = app.add_item(profile_id=2, has_file=True, quality_id=good, score=0)
    assert app.library.cutoff_ids() == set()
    app.searcher.force(item, "import")
    search(any_app, item)
    (row,) = any_app.records("queue")
    assert row["customFormatScore"] == 100
    app.advance(DAY)
    assert {file["score"] for file in app.library.files_of(item)} == {100}
    assert any_app.get("history/since").json[-1]["customFormatScore"] == 100


def test_a_grab_from_the_feed_has_no_command_and_no_search_time(any_app: Caller) -> None:
    app = any_app.app
    item = app.add_item()
    download = app.rss_grab(item)
    (grab,) = any_app.get("history/since").json
    assert (grab["data"]["releaseSource"], grab["downloadId"]) == ("Rss", download.download_id)
    assert app.commands.every == []
    assert app.searcher.records == []
    assert app.library.search_times() == {item: None}
    app.advance(DAY)
    assert app.library.missing_ids() == set()


def test_the_feed_has_nothing_better_than_good_enough(radarr: Caller) -> None:
    item = radarr.app.add_item(has_file=True, quality_id=7, profile_id=1)
    with pytest.raises(ValueError, match="better"):
        radarr.app.rss_grab(item)


def test_a_grab_is_remembered_although_its_item_goes(any_app: Caller) -> None:
    item = any_app.app.add_item()
    any_app.app.rss_grab(item)
    any_app.app.library.remove_item(item)
    any_app.app.advance(DAY)
    assert events(any_app) == ["grabbed"]
    assert any_app.records("queue") == []


def test_searches_count_the_indexers_that_there_are_at_the_time(any_app: Caller) -> None:
    app = any_app.app
    app.settings.grab_share = 0.0
    item = app.add_item()
    listed = any_app.get("indexer").json
    assert [entry["name"] for entry in listed] == ["Simulated 1", "Simulated 2", "Simulated 3"]
    added = app.indexers.add("One more", priority=1)
    assert any_app.get(f"indexer/{added.id}").json["priority"] == 1
    for indexer in listed[:2]:
        app.indexers.remove(indexer["id"])
    search(any_app, item)
    added.enable_automatic_search = False
    search(any_app, item)
    app.indexers.remove(3)
    search(any_app, item)
    assert [record.indexers for record in app.searcher.records] == [2, 1, 0]
    assert any_app.get("indexer/3").status == 404
    assert [entry["source"] for entry in any_app.get("health").json] == ["IndexerSearchCheck"]


def test_custom_formats_can_be_changed(any_app: Caller) -> None:
    before = any_app.get("customformat").json
    assert [entry["name"] for entry in before] == ["Preferred Group", "HDR"]
    rules = [before[0]["specifications"][0] | {"negate": True}]
    any_app.app.library.set_format(1, specifications=rules)
    any_app.app.library.set_format(3, name="New")
    after = any_app.get("customformat").json
    assert after[0]["specifications"] == rules
    assert after[1] == before[1]
    assert (after[2]["id"], after[2]["name"], after[2]["specifications"]) == (3, "New", [])
    (profile, *_) = any_app.get("qualityprofile").json
    assert [entry["format"] for entry in profile["formatItems"]] == [1, 2, 3]


@pytest.mark.parametrize("kind", KINDS)
def test_included_owners_tell_title_and_season(kind: Any) -> None:
    call = caller(kind)
    words = call.app.definition.names
    call.app.rss_grab(call.app.add_item(title="Chapter"))
    names = [name for name in (words.item, words.parent) if name]
    bare = call.get("history/since").json[0]
    assert not set(names) & set(bare)
    asked = {f"include{name.title()}": "true" for name in names}
    for row in (call.get("history/since", **asked).json[0], call.records("queue", **asked)[0]):
        assert row[words.item]["title"] == "Chapter"
        assert row[words.item]["id"] == row[words.item_field]
        if words.parent and words.parent_field:
            assert row[words.parent]["id"] == row[words.parent_field]
        if call.app.definition.seasons:
            assert row[words.item]["seasonNumber"] == 1


def test_the_same_seed_makes_the_same_history_in_every_app(any_app: Caller) -> None:
    def lived() -> list[str]:
        app = SimApp(any_app.app.definition.kind, SimSettings(grab_share=0.5), clock=any_app.app.clock)
        ids = [app.add_item() for _ in range(8)]
        words = app.definition.names
        app.post_command(words.search, **{words.items_field: ids})
        app.settle()
        return [row["source_title"] for row in app.db.rows("SELECT source_title FROM history ORDER BY id")]

    assert lived() == lived()
