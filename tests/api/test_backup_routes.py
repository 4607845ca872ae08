"""Backups over HTTP: permissions, uploads, downloads and restores."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient

from app.api.routes.backup import router
from app.auth.models import ApiKey, User
from app.backup.reading import MAX_FILE_BYTES
from app.main import create_app
from tests.api.replies import data, error, field
from tests.backup.contents import PASSPHRASE, WEAK, changed, manifest, put, rows_of, void
from tests.support.rig import KEY, Rig
from tests.support.served_app import PASSWORD, ServedApp, Visitor

pytestmark = pytest.mark.asyncio

LIST, CREATE, RESTORE, UPLOAD = (f"/api/backup/{call}" for call in ("list", "create", "restore", "upload"))
ROW = {
    "filename",
    "kind",
    "created_at",
    "size_bytes",
    "damaged",
    "sha256",
    "app_version",
    "schema_revision",
    "database",
    "note",
    "counts",
    "has_passphrase",
    "key_fits",
}


async def uploaded(api: AsyncClient, content: bytes, **fields: str) -> Any:
    return await api.post(UPLOAD, files={"file": ("../../etc/cron.d/x.zip", content)}, data=fields)


@pytest.mark.storage
async def test_a_backup_is_created_listed_downloaded_restored_and_deleted(rig: Rig, api: AsyncClient) -> None:
    instance = await rig.add(rig.sonarr())
    assert data(await api.get(LIST)) == []
    made = data(await api.post(CREATE, json={"note": "before"}), 201)
    assert set(made) == ROW
    assert (made["kind"], made["note"], made["key_fits"], made["counts"]["instances"]) == ("manual", "before", True, 1)
    data(await api.delete(f"/api/instances/sonarr/{instance.id}"))
    fetched = await api.get(f"/api/backup/{made['filename']}/download")
    assert fetched.headers["content-type"] == "application/zip"
    assert made["filename"] in fetched.headers["content-disposition"]
    assert fetched.headers["cache-control"] == "no-store"
    assert hashlib.sha256(fetched.content).hexdigest() == made["sha256"]
    assert (await api.head(f"/api/backup/{made['filename']}/download")).status_code == 200
    data(await api.delete(f"/api/backup/{made['filename']}"))
    error(await api.get(f"/api/backup/{made['filename']}/download"), 404)
    rig.clock.forward(minutes=1)
    stored = data(await uploaded(api, fetched.content), 201)
    assert (stored["kind"], stored["sha256"], stored["created_at"]) == ("uploaded", made["sha256"], made["created_at"])
    assert data(await api.get("/api/instances")) == []
    done = data(await api.post(RESTORE, json={"filename": stored["filename"]}))
    assert done["restored"] == stored
    assert [row["id"] for row in data(await api.get("/api/instances"))] == [instance.id]
    assert [row["kind"] for row in data(await api.get(LIST))] == ["pre_restore", "uploaded"]


async def test_the_body_of_create_may_be_left_out(api: AsyncClient) -> None:
    assert data(await api.post(CREATE), 201)["note"] is None


@pytest.mark.parametrize(
    "name",
    [
        "nothing.zip",
        "huntarr.db",
        "..%2fhuntarr.db",
        "..",
        "x" * 200 + ".zip",
        "%00.zip",
        "a b.zip",
        ".work-x",
        "..%5c..%5cx.zip",
        "link.zip",
        "folder.zip",
    ],
)
async def test_no_name_leads_out_of_the_folder(rig: Rig, api: AsyncClient, name: str) -> None:
    data(await api.post(CREATE), 201)
    folder = rig.config.data_dir / "backups"
    (folder / "link.zip").symlink_to(rig.config.data_dir / "huntarr.db")
    (folder / "folder.zip").mkdir()
    for reply in (await api.get(f"/api/backup/{name}/download"), await api.delete(f"/api/backup/{name}")):
        assert reply.status_code in (400, 404, 405, 422), name
    plain = name.replace("%2f", "/").replace("%5c", "\\").replace("%00", "")
    assert (await api.post(RESTORE, json={"filename": plain})).status_code in (404, 422)
    assert (rig.config.data_dir / "huntarr.db").exists()
    assert len(data(await api.get(LIST))) == 1, "what is no backup is passed over"


@pytest.mark.parametrize(
    ("files", "fields", "status"),
    [
        ({}, {"passphrase": PASSPHRASE}, 415),
        ({"other": b"x"}, {}, 400),
        ({"file": b"x", "note": b"x"}, {}, 400),
        ({"file": b"no zip"}, {}, 422),
        ({"file": b""}, {}, 422),
    ],
)
async def test_invalid_uploads_are_refused(
    api: AsyncClient, files: dict[str, bytes], fields: dict[str, str], status: int
) -> None:
    error(await api.post(UPLOAD, files=files, data=fields), status)
    assert data(await api.get(LIST)) == []


async def test_an_upload_without_a_file(api: AsyncClient) -> None:
    content = b'--b\r\nContent-Disposition: form-data; name="passphrase"\r\n\r\nx\r\n--b--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert field(await api.post(UPLOAD, content=content, headers=headers)) == "body.file"


async def test_an_upload_may_be_a_gigabyte_and_not_more(rig: Rig, api: AsyncClient) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Content-Length": str(MAX_FILE_BYTES + 1)}
    error(await api.post(UPLOAD, content=b"", headers=headers), 413)
    [route] = [route for route in router.routes if getattr(route, "path", "") == UPLOAD]
    assert getattr(route, "policy").upload_bytes == MAX_FILE_BYTES == 2**30  # noqa: B009 - not Starlette's


async def test_a_passphrase_is_checked_when_it_is_given(api: AsyncClient) -> None:
    made = data(await api.post(CREATE, json={"passphrase": PASSPHRASE}), 201)
    assert (made["has_passphrase"], made["key_fits"]) == (True, False)
    content = (await api.get(f"/api/backup/{made['filename']}/download")).content
    assert field(await uploaded(api, content, passphrase="not this one")) == "body.passphrase"
    data(await uploaded(api, content), 201)
    data(await uploaded(api, content, passphrase=PASSPHRASE), 201)
    assert field(await api.post(RESTORE, json={"filename": made["filename"]})) == "body.passphrase"
    assert field(await api.post(CREATE, json={"passphrase": "short"})) == "body.passphrase"


async def test_a_damaged_upload_is_refused_with_a_reason(rig: Rig, api: AsyncClient, tmp_path: Path) -> None:
    made = data(await api.post(CREATE), 201)
    good = rig.config.data_dir / "backups" / made["filename"]
    bad = changed(good, tmp_path / "bad.zip", lambda members: members.update({"tables/x.ndjson": b""}))
    assert "exactly the files" in error(await uploaded(api, bad.read_bytes()), 422)


async def test_a_key_neither_replaces_nor_reveals_what_a_key_may_not_manage(served: ServedApp) -> None:
    owner = await served.owner()
    full = await served.visitor(**{"X-Api-Key": (await owner.key("full"))["key"]})
    reading = await served.visitor(**{"X-Api-Key": (await owner.key("read"))["key"]})
    made = await full.data("POST", CREATE, {})
    download = f"/api/backup/{made['filename']}/download"
    assert (await full.get(download)).status_code == 200
    assert "HUNTARR_API_KEY" in error(await full.post(CREATE, {"passphrase": PASSPHRASE}), 403)
    assert "HUNTARR_API_KEY" in error(await full.post(RESTORE, {"filename": made["filename"]}), 403)
    assert [row["filename"] for row in data(await reading.get(LIST))] == [made["filename"]]
    for reply in (
        await reading.get(download),
        await reading.post(CREATE, {}),
        await reading.post(UPLOAD),
        await reading.post(RESTORE, {"filename": made["filename"]}),
        await reading.delete(f"/api/backup/{made['filename']}"),
    ):
        error(reply, 403)


async def test_sessions_end_and_keys_are_those_of_the_backup(served: ServedApp) -> None:
    owner = await served.owner()
    kept = (await owner.key("full"))["key"]
    made = await owner.data("POST", CREATE, {})
    since = (await owner.key("full"))["key"]
    assert (await owner.post(RESTORE, {"filename": made["filename"], "password": PASSWORD})).status_code == 200
    assert (await owner.get("/api/auth/me")).status_code == 401
    assert (await (await served.visitor(**{"X-Api-Key": since})).get("/api/stats")).status_code == 401
    assert (await (await served.visitor(**{"X-Api-Key": kept})).get("/api/stats")).status_code == 200
    assert (await (await served.visitor()).login()).status_code == 200
    assert "restore_backup" in await served.actions()


@pytest.mark.storage
@pytest.mark.process
async def test_a_session_restores_only_with_the_password_and_a_code(served: ServedApp) -> None:
    """A stolen cookie is not the owner."""
    owner = await served.owner()
    given = {"filename": (await owner.data("POST", CREATE, {}))["filename"]}
    assert "password" in error(await owner.post(RESTORE, given), 403)
    for wrong in ("wrong horse battery", PASSWORD.upper()):
        assert error(await owner.post(RESTORE, {**given, "password": wrong}), 403) == "The password is not right."
    device, codes = await owner.two_factor()
    with_password = {**given, "password": PASSWORD}
    assert "totp_code" in error(await owner.post(RESTORE, with_password), 403)
    assert error(await owner.post(RESTORE, {**with_password, "totp_code": "000000"}), 403) == "The code is not right."
    assert [row["kind"] for row in data(await owner.get(LIST))] == ["manual"], "nothing was restored"
    assert (await served.actions()).count("confirmation_failed") == 3
    code = device.code()
    served.secrets |= {code, *codes}
    assert (await owner.post(RESTORE, {**with_password, "totp_code": code})).status_code == 200


async def test_guesses_at_the_password_of_a_restore_are_limited(served: ServedApp) -> None:
    owner = await served.owner()
    made = await owner.data("POST", CREATE, {})
    guesses = [{"filename": made["filename"], "password": f"guess number {number}"} for number in range(6)]
    assert [(await owner.post(RESTORE, guess)).status_code for guess in guesses] == [403] * 5 + [429]
    assert (await owner.post(RESTORE, {"filename": made["filename"], "password": PASSWORD})).status_code == 429


@pytest.mark.storage
@pytest.mark.process
async def test_the_environments_key_leaves_the_owner_as_it_is(served: ServedApp, rig: Rig, tmp_path: Path) -> None:
    """Neither a backup from before nor one with other hashes gives it the account."""
    operator: Visitor = await served.visitor(**{"X-Api-Key": KEY})
    instance = await rig.add(rig.sonarr())
    owner = await served.owner()
    before = [await served.rows(User), await served.rows(ApiKey)]
    made = await owner.data("POST", CREATE, {})
    stolen = changed(rig.config.data_dir / "backups" / made["filename"], tmp_path / "stolen.zip", _with_another_owner)
    await owner.delete(f"/api/instances/sonarr/{instance.id}")
    device, _ = await owner.two_factor()
    key = (await owner.key("read"))["key"]
    sent = await operator.client.post(UPLOAD, files={"file": ("x.zip", stolen.read_bytes())})
    await operator.data("POST", RESTORE, {"filename": data(sent, 201)["filename"]})
    assert [row["id"] for row in data(await operator.get("/api/instances"))] == [instance.id], "the rest is restored"
    assert [row.password_hash for row in await served.rows(User)] == [row.password_hash for row in before[0]]
    assert [row.totp_secret is not None for row in await served.rows(User)] == [True]
    assert (await owner.get("/api/auth/me")).status_code == 200, "sessions go on"
    assert (await (await served.visitor(**{"X-Api-Key": key})).get("/api/stats")).status_code == 200
    assert (await (await served.visitor()).login("the thief's password", name="thief")).status_code == 401
    code = device.code()
    served.secrets.add(code)
    assert (await (await served.visitor()).login(code=code)).status_code == 200


def _with_another_owner(members: dict[str, bytes]) -> None:
    [owner] = rows_of(members, "users")
    put(members, "users", [{**owner, "username": "thief", "password_hash": WEAK.hash("the thief's password")}])


async def test_a_new_machine_is_set_up_by_a_backup(served: ServedApp, rig: Rig) -> None:
    """Without an owner the key of the environment brings the one of the backup, and nobody is asked for a password."""
    operator: Visitor = await served.visitor(**{"X-Api-Key": KEY})
    owner = await served.owner()
    made = await operator.data("POST", CREATE, {})
    async with rig.container.infra.db.session() as session:
        for table in ("sessions", "users"):
            await (await session.connection()).exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608 - fixed names
    assert data(await operator.get("/api/setup/status"))["setup_required"] is True
    await operator.data("POST", RESTORE, {"filename": made["filename"]})
    assert data(await operator.get("/api/setup/status"))["setup_required"] is False
    assert (await owner.get("/api/auth/me")).status_code == 401
    assert (await (await served.visitor()).login()).status_code == 200


@pytest.mark.parametrize(
    "moment",
    ["9999-12-31T23:59:59-23:00", "0001-01-01T00:00:00+12:00", "1999-12-31T23:59:59Z", "2200-01-01T00:00:00Z"],
)
async def test_a_manifest_at_the_calendars_edge_spoils_no_list(rig: Rig, api: AsyncClient, moment: str) -> None:
    made = data(await api.post(CREATE), 201)
    good = rig.config.data_dir / "backups" / made["filename"]
    bad = changed(good, good.with_name("bad.zip"), lambda members: void(manifest(members, created_at=moment)))
    assert "created_at" in error(await uploaded(api, bad.read_bytes()), 422)
    listed = {row["filename"]: row for row in data(await api.get(LIST))}
    assert set(listed) == {made["filename"], "bad.zip"}
    assert (listed[made["filename"]]["damaged"], listed["bad.zip"]["database"]) == (None, None)
    assert "created_at" in listed["bad.zip"]["damaged"]
    assert "created_at" in error(await api.post(RESTORE, json={"filename": "bad.zip"}), 422)
    data(await api.delete("/api/backup/bad.zip"))
    assert len(data(await api.get(LIST))) == 1


async def test_the_same_restore_twice_is_done_once(served: ServedApp) -> None:
    operator = await served.visitor(**{"X-Api-Key": KEY})
    made = await operator.data("POST", CREATE, {})
    given = {"filename": made["filename"]}
    once = await operator.post(RESTORE, given, **{"Idempotency-Key": "one"})
    again = await operator.post(RESTORE, given, **{"Idempotency-Key": "one"})
    assert again.headers["Idempotent-Replay"] == "true"
    assert again.json() == once.json()
    assert len(data(await operator.get(LIST))) == 2


async def test_the_document_says_what_generators_need() -> None:
    paths = create_app().openapi()["paths"]
    form = paths[UPLOAD]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["properties"]["file"]["format"] == "binary"
    replies = paths["/api/backup/{filename}/download"]["get"]["responses"]
    assert "application/zip" in replies["200"]["content"]
    assert all(media["schema"]["format"] == "binary" for media in replies["200"]["content"].values())
