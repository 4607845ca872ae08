"""Lidarr and Readarr: partial albums, owners, files, searches and their other ways."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.simulator import SimApp, SimClock, SimSettings
from tests.simulator_tests.caller import Caller
from tests.simulator_tests.conftest import caller

DAY = 86_400
OLD = datetime(2001, 5, 1, tzinfo=UTC)


@pytest.fixture(params=["lidarr", "readarr"])
def owned(request: pytest.FixtureRequest) -> Caller:
    return caller(request.param)


def test_a_partly_complete_album_counts_as_missing(lidarr: Caller) -> None:
    library = lidarr.app.library
    artist = library.add_artist()
    none = library.add_album(artist, title="None", tracks=3)
    part = library.add_album(artist, title="Part", tracks=3, tracks_had=2)
    library.add_album(artist, title="Whole", tracks=3, has_file=True)
    records = lidarr.records("wanted/missing", sortKey="albums.title", sortDirection="ascending")
    assert [(record["id"], record["statistics"]["trackFileCount"]) for record in records] == [(none, 0), (part, 2)]
    assert records[1]["statistics"]["percentOfTracks"] == pytest.approx(200 / 3)
    assert library.missing_ids() == {none, part}


def test_one_poor_track_puts_an_album_below_the_cutoff(lidarr: Caller) -> None:
    library = lidarr.app.library
    album = library.add_album(library.add_artist(profile_id=1), tracks=3, has_file=True)
    assert lidarr.ids("wanted/cutoff") == []
    (first, *_) = library.files_of(album)
    lidarr.app.db.change("UPDATE files SET quality_id = 1 WHERE id = ?", (first["id"],))
    library.recompute_cutoff([album])
    assert lidarr.ids("wanted/cutoff") == [album]
    assert lidarr.delete(f"trackfile/{first['id']}").status == 200
    assert lidarr.ids("wanted/cutoff") == []
    assert lidarr.ids("wanted/missing") == [album]


def test_the_release_date_decides_and_without_one_nothing_is_missing(owned: Caller) -> None:
    app = owned.app
    soon = app.add_item(released=app.clock.timestamp() + 60)
    out = app.add_item(released=app.clock.timestamp() - 60)
    build = app.library.add_album if app.definition.item == "album" else app.library.add_book
    build(app.add_owner(), released=False)
    assert owned.ids("wanted/missing") == [out]
    app.advance(60)
    assert set(owned.ids("wanted/missing")) == {soon, out}


@pytest.mark.parametrize(("owner", "item"), [(True, True), (True, False), (False, True), (False, False)])
def test_monitored_means_both_and_unmonitored_means_either(owned: Caller, owner: bool, item: bool) -> None:
    item_id = owned.app.add_item(owned.app.add_owner(monitored=owner), monitored=item)
    both = [item_id] if owner and item else []
    assert owned.ids("wanted/missing") == both
    assert owned.ids("wanted/missing", monitored="false") == ([] if both else [item_id])


def test_albums_have_their_artist_unasked_and_books_their_author_only_if_asked(lidarr: Caller, readarr: Caller) -> None:
    lidarr.app.add_item(lidarr.app.add_owner(title="The Four"), last_search=OLD)
    readarr.app.add_item(readarr.app.add_owner(title="Ann Archer"), title="Arrows", last_search=OLD)
    (album,) = lidarr.records("wanted/missing", includeArtist="false")
    assert album["artist"]["artistName"] == "The Four"
    assert album["lastSearchTime"] == "2001-05-01T00:00:00Z"
    (book,) = readarr.records("wanted/missing", includeAuthor="false")
    assert not {"author", "lastSearchTime", "overview", "editions"} & set(book)
    assert (book["authorTitle"], book["grabbed"]) == ("archer, ann Arrows", False)
    (book,) = readarr.records("wanted/missing", includeAuthor="true")
    assert book["author"]["authorName"] == "Ann Archer"
    assert readarr.get(f"book/{book['id']}").json["editions"]


def test_several_monitored_editions_repeat_a_book_but_count_once(readarr: Caller) -> None:
    author = readarr.app.library.add_author()
    twice = readarr.app.library.add_book(author, editions=2)
    once = readarr.app.library.add_book(author)
    answer = readarr.get("wanted/missing").json
    assert sorted(record["id"] for record in answer["records"]) == [twice, twice, once]
    assert answer["totalRecords"] == 2


@pytest.mark.parametrize(
    ("key", "status"),
    [
        *((key, 200) for key in ("releaseDate", "albums.releaseDate", "albums.lastSearchTime", "artists.sortName")),
        *((key, 500) for key in ("title", "nonsense", "books.releaseDate")),
    ],
)
def test_lidarr_puts_any_key_into_sql(lidarr: Caller, key: str, status: int) -> None:
    lidarr.app.add_item()
    answer = lidarr.get("wanted/missing", sortKey=key)
    assert answer.status == status
    if status == 500:
        assert set(answer.json) == {"message", "description"}
    else:
        assert answer.json["sortKey"] == key


def test_the_default_keys_differ_between_the_two_lists_of_lidarr(lidarr: Caller) -> None:
    assert lidarr.get("wanted/missing").json["sortKey"] == "releaseDate"
    assert lidarr.get("wanted/cutoff").json["sortKey"] == "Albums.Id"


@pytest.mark.parametrize(("store", "status"), [("sqLite", 200), ("postgreSQL", 500)])
def test_readarr_drops_the_table_and_takes_an_unknown_column_for_a_text(store: Any, status: int) -> None:
    call = Caller(SimApp("readarr", SimSettings(database=store, tie_block=1), clock=SimClock.frozen()))
    author = call.app.library.add_author()
    dates = {call.app.library.add_book(author, release_date=OLD.replace(year=year)): year for year in (2003, 2001)}
    for key in ("releaseDate", "books.releaseDate", "whatever.releaseDate"):
        answer = call.get("wanted/missing", sortKey=key, sortDirection="ascending").json
        assert [dates[record["id"]] for record in answer["records"]] == [2001, 2003]
    answer = call.get("wanted/missing", sortKey="nonsense", sortDirection="ascending")
    assert answer.status == status
    if status == 200:
        assert [record["id"] for record in answer.json["records"]] == sorted(dates)


def test_an_owner_search_is_one_search_of_its_monitored_items(owned: Caller) -> None:
    app, words = owned.app, owned.app.definition.names
    app.settings.grab_share = 0.0
    owner = app.add_owner()
    ids = (app.add_item(owner), app.add_item(owner, has_file=True))
    app.add_item(owner, monitored=False)
    app.add_item()
    name = f"{words.parent_kind}Search"
    done = owned.run(name, **{words.parent_field or "": owner})
    assert done["message"] == f"{words.parent_kind} search completed. 0 reports downloaded."
    (record,) = app.searcher.records
    assert (record.unit, record.item_ids, record.parent_id, record.season) == (words.parent, ids, owner, None)
    assert {item for item, at in app.library.search_times().items() if at is not None} == set(ids)
    assert owned.run(name, **{words.parent_field or "": 404})["status"] == "failed"


def test_an_owner_search_may_grab_one_release_for_all_of_them(owned: Caller) -> None:
    app, words = owned.app, owned.app.definition.names
    owner = app.add_owner()
    ids = [app.add_item(owner) for _ in range(3)]
    app.searcher.force(ids[0], "import")
    owned.run(f"{words.parent_kind}Search", **{words.parent_field or "": owner})
    rows = owned.records("queue")
    assert sorted(row[words.item_field] for row in rows) == ids
    assert len({row["downloadId"] for row in rows}) == 1
    assert len({row["id"] for row in rows}) == 3
    app.advance(DAY)
    assert app.library.missing_ids() == set()


def test_an_unknown_item_ends_a_search_there(owned: Caller) -> None:
    words = owned.app.definition.names
    first, last = owned.app.add_item(), owned.app.add_item()
    assert owned.run(words.search, **{words.items_field: [first, 404, last]})["status"] == "failed"
    assert [record.item_ids for record in owned.app.searcher.records] == [(first,)]


def test_a_missing_search_can_be_of_one_owner_but_a_cutoff_search_ignores_it(owned: Caller) -> None:
    app, words = owned.app, owned.app.definition.names
    app.settings.grab_share = 0.0
    one, other = app.add_owner(), app.add_owner()
    mine, queued = app.add_item(one), app.add_item(one)
    app.add_item(other)
    poor = [app.add_item(owner, has_file=True, quality_id=1) for owner in (one, other)]
    app.downloads.add([queued])
    owner = {words.parent_field or "": one}
    done = owned.run(f"Missing{words.kind}Search", **owner)
    assert done["message"] == f"Completed search for 1 {words.item}s. 0 reports downloaded."
    assert [record.item_ids for record in app.searcher.records] == [(mine,)]
    owned.run(f"CutoffUnmet{words.kind}Search", **owner)
    assert [record.item_ids for record in app.searcher.records[1:]] == [(item,) for item in poor]


def test_two_missing_searches_of_everything_are_one(owned: Caller) -> None:
    name = f"Missing{owned.app.definition.names.kind}Search"
    one, two = owned.post("command", {"name": name}), owned.post("command", {"name": name})
    assert one.json["id"] == two.json["id"]


def test_items_by_owner_by_ids_or_all(owned: Caller) -> None:
    app, words = owned.app, owned.app.definition.names
    owner = app.add_owner()
    mine, also, other = app.add_item(owner), app.add_item(owner), app.add_item()

    def ids(**query: Any) -> list[int]:
        return [entry["id"] for entry in owned.get(words.item, **query).json]

    assert ids(**{words.parent_field or "": owner}) == [mine, also]
    assert ids(**{words.items_field: [other, mine]}) == [mine, other]
    assert ids() == [mine, also, other]
    assert owned.get(words.item, **{words.items_field: [mine, 404]}).status == 500
    assert owned.get(words.item, **{words.items_field: "1,2"}).status == 400
    assert owned.get(f"wanted/missing/{mine}").json["id"] == mine


def test_owners_tell_their_statistics(lidarr: Caller, readarr: Caller) -> None:
    library, now = lidarr.app.library, lidarr.app.clock.timestamp()
    artist = library.add_artist(ended=True)
    library.add_album(artist, tracks=10, tracks_had=4)
    library.add_album(artist, title="Soon", tracks=5, release_date=now + DAY)
    library.add_album(artist, tracks=2, monitored=False)
    shown = lidarr.get(f"artist/{artist}").json
    assert shown["statistics"] == {
        "albumCount": 3,
        "trackFileCount": 4,
        "trackCount": 10,
        "totalTrackCount": 17,
        "sizeOnDisk": 1_500_000_000,
        "percentOfTracks": 40.0,
    }
    assert (shown["status"], shown["ended"], shown["nextAlbum"]["title"]) == ("ended", True, "Soon")
    assert lidarr.get("artist").json == [shown]
    assert lidarr.get("artist", mbId=shown["foreignArtistId"]).json == [shown]
    empty = lidarr.get(f"artist/{library.add_artist()}")
    assert (empty.json["nextAlbum"], empty.json["lastAlbum"]) == (None, None)
    author = readarr.app.library.add_author()
    readarr.app.library.add_book(author, has_file=True)
    readarr.app.library.add_book(author)
    readarr.app.library.add_book(author, release_date=now + DAY)
    statistics = readarr.get(f"author/{author}").json["statistics"]
    counts = [statistics[f"{name}Count"] for name in ("bookFile", "book", "availableBook", "totalBook")]
    assert counts == [1, 2, 2, 3]


def test_files_by_owner_item_and_id_and_unknown_ones_are_404(owned: Caller) -> None:
    app, words = owned.app, owned.app.definition.names
    path = "trackfile" if words.item == "album" else "bookfile"
    owner = app.add_owner(profile_id=1)
    item = app.add_item(owner, has_file=True, quality_id=1, score=50)
    other = app.add_item(owner, has_file=True)
    files = owned.get(path, **{words.item_field: item}).json
    assert {file[words.item_field] for file in files} == {item}
    assert {file["qualityCutoffNotMet"] for file in files} == {True}
    assert {file.get("customFormatScore") for file in files} == {50 if words.item == "album" else None}
    every = owned.get(path, **{words.parent_field or "": owner}).json
    assert every == owned.get(path, **{words.item_field: [item, other]}).json
    assert owned.get(path, **{f"{path.removesuffix('file')}FileIds": [files[0]["id"]]}).json == files[:1]
    assert owned.get(path).status == 400
    for query in ({words.parent_field or "": 404}, {words.item_field: [item, 404]}):
        answer = owned.get(path, **query)
        assert (answer.status, "404" in answer.json["message"]) == (404, True)


def test_queue_rows_of_lidarr_and_readarr(lidarr: Caller, readarr: Caller) -> None:
    album = lidarr.app.library.add_album(lidarr.app.library.add_artist(), tracks=7, tracks_had=2)
    lidarr.app.downloads.add([album])
    (row,) = lidarr.records("queue", sortKey="albums.title")
    assert (row["trackFileCount"], row["trackHasFileCount"], row["downloadForced"]) == (7, 2, False)
    assert "added" in row
    readarr.app.downloads.add([readarr.app.add_item()])
    (other,) = readarr.records("queue")
    assert "added" not in other
    assert not {"languages", "seasonNumber"} & (set(row) | set(other))
    assert lidarr.get("queue", sortKey="albums.title").json["sortKey"] == "albums.title"
    assert "album" in lidarr.get("queue/details").json[0]
    assert "book" in readarr.get("queue/details").json[0]
    assert "book" not in readarr.get("queue/details", includeBook="false").json[0]


def test_lidarr_can_be_asked_for_some_of_its_queue_and_readarr_cannot(lidarr: Caller, readarr: Caller) -> None:
    for call in (lidarr, readarr):
        for protocol in ("usenet", "torrent"):
            call.app.downloads.add([call.app.add_item()], protocol=protocol, status="paused")
    artist = lidarr.records("queue", protocol="usenet")[0]["artistId"]
    assert len(lidarr.records("queue", artistIds=artist)) == 1
    assert len(lidarr.records("queue", status="downloading")) == 2
    assert len(readarr.records("queue", protocol="usenet", authorIds=1)) == 2


@pytest.mark.parametrize("kind", ["sonarr", "readarr", "whisparr2", "whisparr3old", "whisparr3", "lidarr"])
def test_who_blocklists_a_pending_release_unasked(kind: Any) -> None:
    call = caller(kind)
    call.app.downloads.add([call.app.add_item()], status="delay")
    (row,) = call.records("queue")
    assert call.delete(f"queue/{row['id']}").status == 200
    unasked = kind in ("readarr", "whisparr2", "whisparr3old")
    assert call.get("blocklist").json["totalRecords"] == int(unasked)


def test_history_of_an_owner_and_of_an_item(owned: Caller) -> None:
    app, words = owned.app, owned.app.definition.names
    owner = app.add_owner()
    one, two = app.add_item(owner), app.add_item(owner)
    for item in (one, two, app.add_item()):
        app.history.add(item, "grabbed", score=25)
    mine = owned.get(f"history/{words.parent}", **{words.parent_field or "": owner}).json
    assert [row[words.item_field] for row in mine] == [two, one]
    narrowed = owned.get(f"history/{words.parent}", **{words.parent_field or "": owner, words.item_field: one}).json
    assert [(row[words.item_field], row["customFormatScore"]) for row in narrowed] == [(one, 25)]
    assert [row[words.item_field] for row in owned.records("history", **{words.item_field: two})] == [two]
    assert "languages" not in mine[0]


def test_track_events_name_their_track(lidarr: Caller) -> None:
    lidarr.app.rss_grab(lidarr.app.library.add_album(lidarr.app.library.add_artist(), tracks=2))
    lidarr.app.advance(DAY)
    tracks = [(row["eventType"], row["trackId"] > 0) for row in lidarr.get("history/since").json]
    assert tracks == [
        ("grabbed", False),
        ("trackFileImported", True),
        ("trackFileImported", True),
        ("downloadImported", False),
    ]


def test_monitoring_items(owned: Caller) -> None:
    words = owned.app.definition.names
    ids = [owned.app.add_item() for _ in range(2)]
    answer = owned.put(f"{words.item}/monitor", {words.items_field: ids, "monitored": False})
    assert (answer.status, [item["monitored"] for item in answer.json]) == (202, [False, False])
    assert owned.put(f"{words.item}/{ids[0]}", {"monitored": True}).status == 202
    assert owned.ids("wanted/missing") == [ids[0]]


def test_root_folders_have_defaults_instead_of_unmapped_folders(owned: Caller) -> None:
    (folder,) = owned.get("rootfolder").json
    assert folder["defaultQualityProfileId"] == 1
    assert "unmappedFolders" not in folder
