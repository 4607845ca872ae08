"""Backups: create, list, upload, download, restore and delete."""

from typing import Annotated, Final

from fastapi import Body, Path
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import FileResponse

from app.api.deps import CurrentCaller
from app.api.multipart import Multipart, boundary_of
from app.api.policy import Access, RoutePolicy
from app.api.refusals import BACKUP_IN_USE, NO_BACKUP, RESTORE_RUNS, errors
from app.api.routing import ApiRouter
from app.api.services import Backups, CallOrigin
from app.api.tags import Tag
from app.backup.folder import on_disk
from app.backup.reading import MAX_FILE_BYTES
from app.backup.schemas import MAX_FILENAME_LENGTH, BackupIn, BackupOut, RestoreIn, RestoreOut
from app.backup.service import BackupDraft
from app.core.config import MAX_PASSWORD
from app.core.errors import BadRequest, Invalid
from app.core.schemas import MessageReply, Reply

ZIP: Final = "application/zip"
# Sent as a zip; generated clients know how to write down a stream of bytes.
FILE: Final = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("application/octet-stream", ZIP)}
FORM: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "contentMediaType": "application/octet-stream",
                            "description": "The backup, at most 1 GiB.",
                        },
                        "passphrase": {
                            "type": "string",
                            "maxLength": MAX_PASSWORD,
                            "description": "If given, it is checked; it is not stored.",
                        },
                    },
                }
            }
        },
    }
}

router = ApiRouter(tag=Tag.BACKUP, prefix="/api/backup")

Filename = Annotated[
    str,
    Path(
        min_length=1,
        max_length=MAX_FILENAME_LENGTH,
        description="Its name, as in the list.",
        examples=["huntarr-manual-20261123T033000Z-1f2e3d4c.zip"],
    ),
]


@router.get("/list", summary="Backups, newest first")
@RoutePolicy(Access.READ)
async def list_backups(backups: Backups) -> Reply[list[BackupOut]]:
    """The backups in the folder of the process that answers."""
    return Reply[list[BackupOut]](data=await backups.all())


@router.post("/create", status_code=201, summary="Create backup")
@RoutePolicy(Access.FULL, timeout_seconds=None)
async def create_backup(
    body: Annotated[BackupIn, Body(default_factory=BackupIn)], backups: Backups, caller: CurrentCaller
) -> Reply[BackupOut]:
    """A consistent snapshot; hunts continue. A passphrase needs a session or the key of `HUNTARR_API_KEY`."""
    return Reply[BackupOut](data=await backups.create(body, caller), message="Backup created")


@router.post("/upload", status_code=201, summary="Upload backup", openapi_extra=FORM)
@RoutePolicy(Access.FULL, upload_bytes=MAX_FILE_BYTES, timeout_seconds=None)
async def upload_backup(request: Request, backups: Backups) -> Reply[BackupOut]:
    """Checks every row of the file and stores it; it is not restored."""
    boundary = boundary_of(request.headers.get("content-type", ""))
    async with backups.draft() as draft:
        await _write_parts(Multipart(request.stream(), boundary), draft)
        return Reply[BackupOut](data=await backups.import_upload(draft), message="Backup stored")


@router.post("/restore", summary="Restore backup", responses=errors(NO_BACKUP, RESTORE_RUNS))
@RoutePolicy(Access.FULL, timeout_seconds=None)
async def restore_backup(
    body: RestoreIn, backups: Backups, caller: CurrentCaller, origin: CallOrigin
) -> Reply[RestoreOut]:
    """Restores everything or nothing. The present data is kept as a backup, and all sessions end.

    A session must give the owner's `password`, and a `totp_code` while two-factor login is on. The key of
    `HUNTARR_API_KEY` needs neither: it leaves an existing owner, the sessions, keys and second factor as they are.
    """
    return Reply[RestoreOut](data=await backups.restore(body, caller, origin), message="Backup restored")


@router.get(
    "/{filename}/download",
    summary="Download backup",
    response_class=FileResponse,
    responses={200: {"description": "The file.", "content": FILE}, **errors(NO_BACKUP)},
)
@RoutePolicy(Access.FULL, reveals=True)
async def download_backup(filename: Filename, backups: Backups) -> FileResponse:
    return FileResponse(await backups.path_of(filename), media_type=ZIP, filename=filename)


@router.delete("/{filename}", summary="Delete backup", responses=errors(NO_BACKUP, BACKUP_IN_USE))
@RoutePolicy(Access.FULL)
async def delete_backup(filename: Filename, backups: Backups) -> MessageReply:
    await backups.delete(filename)
    return MessageReply(message="Backup deleted")


async def _write_parts(body: Multipart, draft: BackupDraft) -> None:
    """Write the file to its place while it arrives."""
    with draft.path.open("xb") as handle:
        seen = set[str]()
        async for part in body.parts():
            if part.name in seen or part.name not in ("file", "passphrase"):
                raise BadRequest("The body must have one file, and may have one passphrase beside it.")
            seen.add(part.name)
            if part.name == "passphrase":
                draft.passphrase = SecretStr(await part.text(MAX_PASSWORD * 4))
                continue
            async for piece in part.content:
                await on_disk(handle.write, piece)
        if "file" not in seen:
            raise Invalid("Field required", field="body.file")
