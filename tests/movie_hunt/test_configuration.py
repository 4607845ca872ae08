"""Profiles, indexers, download clients and root folders, as callers configure them."""

from pathlib import Path
from typing import Any

import pytest

from tests.movie_hunt.cinema import Cinema
from tests.simulator.hosting import serve
from tests.simulator.newznab import KEY, IndexerSim
from tests.simulator.sabnzbd import KEY as SAB_KEY
from tests.simulator.sabnzbd import SabnzbdSim
from tests.simulator.tmdb import SimMovie

STARS = "********"
MOVIE = SimMovie(810001, "Iron Meadow", dates=[(3, "2019-03-01"), (4, "2019-06-01")])


def field_of(error: Any) -> str:
    return str(error["details"][0]["field"])


@pytest.mark.storage
@pytest.mark.asyncio
async def test_a_new_installation_has_a_profile(cinema: Cinema) -> None:
    [profile] = await cinema.get("quality-profiles")
    assert (profile["name"], profile["cutoff"], profile["movies"]) == ("HD", "Bluray-1080p", 0)
    allowed = [name for group in profile["qualities"] if group["allowed"] for name in group["qualities"]]
    assert allowed[0] == "HDTV-720p"
    assert "CAM" not in allowed
    await cinema.rig.container.movie_hunt.profiles.ensure_default()
    assert len(await cinema.get("quality-profiles")) == 1


@pytest.mark.asyncio
async def test_a_profile_is_changed_and_checked(cinema: Cinema) -> None:
    made = await cinema.post("quality-profiles", {"name": "UHD", "preferred_words": [{"word": "/HDR/", "score": 10}]})
    assert (await cinema.post("quality-profiles", {"name": "UHD"}, 409))["error"].startswith(
        "There is a quality profile"
    )
    changed = await cinema.patch(f"quality-profiles/{made['id']}", {"min_score": 5, "languages": ["German"]})
    assert (changed["min_score"], changed["languages"], changed["preferred_words"]) == (
        5,
        ["German"],
        [{"word": "/HDR/", "score": 10}],
    )
    assert (await cinema.patch(f"quality-profiles/{made['id']}", {"min_score": None}))["min_score"] == 0
    refused = await cinema.patch(f"quality-profiles/{made['id']}", {"cutoff": "CAM"}, 422)
    assert "cutoff must be one of the allowed qualities" in refused["error"]
    assert (await cinema.get(f"quality-profiles/{made['id']}"))["cutoff"] == "Bluray-1080p"


@pytest.mark.parametrize(
    "body",
    [
        {"preferred_words": [{"word": "/(a+)+$/", "score": 1}]},
        {"preferred_words": [{"word": "/(/", "score": 1}]},
        {"required_words": [""]},
        {"qualities": [{"qualities": ["CAM"]}, {"qualities": ["CAM"]}]},
        {"sizes": [{"quality": "CAM", "min": 5, "max": 2}]},
        {"unknown": 1},
    ],
)
@pytest.mark.asyncio
async def test_a_wrong_profile_is_refused(cinema: Cinema, body: dict[str, Any]) -> None:
    await cinema.post("quality-profiles", {"name": "X", **body}, 422)
    assert len(await cinema.get("quality-profiles")) == 1


@pytest.mark.asyncio
async def test_what_movies_use_cannot_be_deleted(cinema: Cinema) -> None:
    folder = await cinema.add_root_folder()
    movie = await cinema.add_movie(MOVIE)
    refused = await cinema.delete(f"quality-profiles/{movie['quality_profile_id']}", 409)
    assert refused["error"].startswith("1 movies have")
    assert "1 movies are kept" in (await cinema.delete(f"root-folders/{folder['id']}", 409))["error"]
    await cinema.delete(f"movies/{movie['id']}")
    assert "last quality profile" in (await cinema.delete("quality-profiles/1", 409))["error"]
    await cinema.delete(f"root-folders/{folder['id']}")
    assert await cinema.get("root-folders") == []


@pytest.mark.storage
@pytest.mark.asyncio
async def test_the_key_of_an_indexer_is_shown_to_nobody_and_kept(cinema: Cinema) -> None:
    sim = IndexerSim()
    made = await cinema.add_indexer(sim)
    assert made["api_key"] == STARS
    path = f"indexers/{made['id']}"
    changed = await cinema.patch(path, {"api_key": STARS, "priority": 3})
    assert (changed["api_key"], changed["priority"]) == (STARS, 3)
    assert await cinema.post(f"{path}/test", None, 200) == {
        "ok": True,
        "version": None,
        "save_path": None,
        "warning": None,
        "error_code": None,
        "error": None,
    }
    refused = await cinema.patch(path, {"url": "http://localhost:1"}, 422)
    assert field_of(refused) == "body.api_key"
    await cinema.patch(path, {"api_key": "another-key"})
    tested = await cinema.post(f"{path}/test", None, 200)
    assert (tested["ok"], tested["error_code"]) == (False, "wrong_key")
    assert (await cinema.get(path))["error_code"] == "wrong_key"
    await cinema.delete(path)
    await cinema.get(path, 404)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"api_key": STARS}, "body.api_key"),
        ({"url": "ftp://x"}, "body.url"),
        ({"url": "http://user:pass@x"}, "body.url"),
        ({"url": "http://169.254.169.254/"}, "body.url"),
        ({"api_path": "api"}, "body.api_path"),
        ({"priority": 0}, "body.priority"),
        ({"categories": [0]}, "body.categories.0"),
        ({"kind": "rss"}, "body.kind"),
        ({"name": " "}, "body.name"),
    ],
)
@pytest.mark.asyncio
async def test_a_wrong_indexer_is_refused(cinema: Cinema, change: dict[str, Any], field: str) -> None:
    body = {"name": "Nyx", "kind": "torznab", "url": "http://localhost:9696/1", "api_key": KEY} | change
    assert field_of(await cinema.post("indexers", body, 422)) == field
    assert await cinema.get("indexers") == []


@pytest.mark.asyncio
async def test_an_unsaved_indexer_is_tested(cinema: Cinema) -> None:
    sim = IndexerSim()
    sim.movie_params = ""
    url = await cinema.stack.enter_async_context(serve(sim))
    body = {"name": "Nyx", "kind": "torznab", "url": url, "api_key": KEY}
    assert "by title only" in (await cinema.post("indexers/test", body, 200))["warning"]
    assert (await cinema.post("indexers/test", body | {"url": "http://127.0.0.1:1"}, 200))[
        "error_code"
    ] == "unreachable"
    assert await cinema.get("indexers") == []


@pytest.mark.storage
@pytest.mark.asyncio
async def test_a_download_client_keeps_its_secrets(cinema: Cinema, tmp_path: Path) -> None:
    url = await cinema.stack.enter_async_context(serve(SabnzbdSim(tmp_path)))
    body = {"name": "SAB", "kind": "sabnzbd", "url": url, "api_key": SAB_KEY}
    assert field_of(await cinema.post("download-clients", body | {"api_key": None}, 422)) == "body.api_key"
    assert (await cinema.post("download-clients/test", body, 200))["version"] == "4.5.1"
    made = await cinema.post("download-clients", body)
    path = f"download-clients/{made['id']}"
    assert (made["api_key"], made["password"], made["online"]) == (STARS, None, None)
    mapping = [{"remote": "C:\\Downloads", "local": "/mnt/downloads"}]
    changed = await cinema.patch(path, {"api_key": STARS, "path_mappings": mapping})
    assert (changed["api_key"], changed["path_mappings"]) == (STARS, mapping)
    assert (await cinema.post(f"{path}/test", None, 200))["ok"]
    assert (await cinema.get(path))["online"] is True
    assert field_of(await cinema.patch(path, {"url": "http://localhost:1"}, 422)) == "body.api_key"
    assert (await cinema.post("download-clients", body, 409))["error"].startswith("There is a download client")
    assert field_of(await cinema.patch(path, {"path_mappings": [{"remote": "x", "local": "y"}]}, 422)).startswith(
        "body"
    )
    await cinema.delete(path)
    assert await cinema.get("download-clients") == []


@pytest.mark.asyncio
async def test_root_folders_must_be_usable(cinema: Cinema, tmp_path: Path) -> None:
    made = await cinema.add_root_folder()
    assert (made["accessible"], made["movies"], made["free_space"] > 0) == (True, 0, True)
    assert (await cinema.post("root-folders", {"path": f"{cinema.library}/"}, 409))["error"].endswith("already.")
    for path in ("/nowhere/at/all", str(cinema.library / "inside"), str(tmp_path), str(tmp_path / "data"), "relative"):
        await cinema.post("root-folders", {"path": path}, 422)
    assert len(await cinema.get("root-folders")) == 1


@pytest.mark.asyncio
async def test_settings_are_changed_and_taken_back(cinema: Cinema) -> None:
    assert (await cinema.get("settings"))["search_interval_hours"] == 24
    changed = await cinema.post("settings", {"search_interval_hours": 48, "max_size_mb": 9000}, 200)
    assert (changed["search_interval_hours"], changed["max_size_mb"]) == (48, 9000)
    assert (await cinema.post("settings", {"search_interval_hours": None}, 200))["search_interval_hours"] == 24
    await cinema.post("settings", {"search_interval_hours": 0}, 422)
