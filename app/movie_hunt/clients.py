"""The user's download clients."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints
from sqlmodel import col, func, select

from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import Conflict, Invalid
from app.core.fields import ShortName, one_line
from app.core.schemas import SECRET_MASK, In, Out, UtcTime, example, patch_of
from app.downloads.models import ClientKind
from app.http.errors import HttpError
from app.movie_hunt.connections import MakeClient, client_connection
from app.movie_hunt.indexers import Secret, ServerTestOut, Url
from app.movie_hunt.models import OPEN_GRABS, Grab, MovieDownloadClient
from app.movie_hunt.rows import flush_unique, require_row
from app.secrets.box import DecryptFailed, SecretBox, masked

NO_CLIENT = "There is no download client with this id."
SAME_NAME = "There is a download client of this name already."
SECRETS = ("password", "api_key")

FolderPath = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000), AfterValidator(one_line)
]
Category = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$")]


class PathMapping(In):
    """A folder that the download client sees under another path than we do."""

    remote: FolderPath = Field(examples=["/downloads"], description="As the download client sees it.")
    local: Annotated[FolderPath, Field(pattern=r"^/")] = Field(
        examples=["/mnt/downloads"], description="The same folder as Huntarr sees it."
    )


class PathMappingOut(Out):
    """A folder that the download client sees under another path than we do."""

    remote: str
    local: str


class DownloadClientIn(In):
    """A download client. SABnzbd takes an API key, Deluge a password, the others a user name and a password."""

    model_config = example(
        {
            "name": "qBittorrent",
            "kind": "qbittorrent",
            "url": "http://localhost:8080",
            "username": "admin",
            "password": "the-password",
        }
    )

    name: ShortName = Field(examples=["qBittorrent"])
    kind: ClientKind
    url: Url = Field(examples=["http://localhost:8080"], description="With port and base path, as in a browser.")
    username: Annotated[str, Field(max_length=200), AfterValidator(one_line)] = ""
    password: Secret | None = Field(None, examples=[SECRET_MASK])
    api_key: Secret | None = Field(None, examples=[SECRET_MASK], description="SABnzbd's.")
    category: Category = Field("huntarr", description="Category or label of our downloads.")
    priority: int = Field(1, ge=1, le=50, description="Of two clients of a kind that of the lower number is used.")
    remove_completed: bool = Field(
        True, description="Remove a download from the client after its import, a torrent when it was seeded enough."
    )
    enabled: bool = True
    verify_tls: bool = Field(True, description="Check its certificate.")
    path_mappings: list[PathMapping] = Field(default_factory=list, max_length=20)


@patch_of(DownloadClientIn)
class DownloadClientPatch(In):
    """Only what is in the body is changed. A new `url` needs the secrets with it."""

    model_config = example({"priority": 2})


class DownloadClientTestIn(DownloadClientIn):
    """An unsaved download client."""

    model_config = example({"name": "SABnzbd", "kind": "sabnzbd", "url": "http://localhost:8085", "api_key": "the-key"})


class DownloadClientOut(Out):
    """A download client, and how it answers."""

    id: int
    name: str
    kind: ClientKind
    url: str
    username: str
    password: str | None = Field(examples=[SECRET_MASK])
    api_key: str | None = Field(examples=[SECRET_MASK])
    category: str
    priority: int
    remove_completed: bool
    enabled: bool
    verify_tls: bool
    path_mappings: list[PathMappingOut]
    online: bool | None = Field(description="Null before it was asked.")
    error_code: str | None
    error: str | None
    checked_at: UtcTime | None
    created_at: UtcTime
    updated_at: UtcTime


class DownloadClientService:
    """Creates, changes, deletes and tests download clients."""

    def __init__(self, db: Database, box: SecretBox, make: MakeClient, clock: Clock) -> None:
        self._db = db
        self._box = box
        self._make = make
        self._clock = clock

    async def list(self) -> "list[DownloadClientOut]":
        async with self._db.reading() as session:
            rows = (await session.exec(select(MovieDownloadClient).order_by(col(MovieDownloadClient.id)))).all()
        return [_client_out(row) for row in rows]

    async def get(self, client_id: int) -> DownloadClientOut:
        async with self._db.reading() as session:
            return _client_out(await require_row(session, MovieDownloadClient, client_id, NO_CLIENT))

    async def create(self, given: DownloadClientIn) -> DownloadClientOut:
        row = self._row(given)
        async with self._db.session() as session:
            session.add(row)
            await flush_unique(session, SAME_NAME)
        return _client_out(row)

    async def update(self, client_id: int, given: DownloadClientPatch) -> DownloadClientOut:
        changes: dict[str, Any] = given.model_dump(mode="json", exclude_unset=True)
        async with self._db.session() as session:
            row = await require_row(session, MovieDownloadClient, client_id, NO_CLIENT, lock=True)
            moved = changes.get("url") not in (None, row.url)
            for name in SECRETS:
                keeps = changes.get(name, SECRET_MASK) == SECRET_MASK
                if keeps and moved and getattr(row, name):
                    raise Invalid(f"The url is new: give the {name} with it.", field=f"body.{name}")
                if keeps:
                    changes.pop(name, None)
                else:
                    changes[name] = self._box.encrypt(changes[name]) if changes[name] else ""
            for name, value in changes.items():
                if value is not None:
                    setattr(row, name, value)
            _check_secrets(row)
            row.updated_at, row.online, row.error, row.error_code = self._clock(), None, None, None
            await flush_unique(session, SAME_NAME)
        return _client_out(row)

    async def delete(self, client_id: int) -> None:
        """`Conflict` while it downloads something of ours."""
        async with self._db.session() as session:
            row = await require_row(session, MovieDownloadClient, client_id, NO_CLIENT, lock=True)
            query = select(func.count()).select_from(Grab)
            query = query.where(Grab.client_id == client_id, col(Grab.state).in_(OPEN_GRABS))
            if busy := (await session.exec(query)).one():
                raise Conflict(f"{busy} downloads in it are not imported yet: wait for them or remove them first.")
            await session.delete(row)

    async def test(self, given: DownloadClientTestIn) -> ServerTestOut:
        """Test an unsaved one; nothing is stored."""
        return await self._tested(self._row(given))

    async def test_stored(self, client_id: int) -> ServerTestOut:
        async with self._db.reading() as session:
            row = await require_row(session, MovieDownloadClient, client_id, NO_CLIENT)
        found = await self._tested(row)
        async with self._db.session() as session:
            row = await require_row(session, MovieDownloadClient, client_id, NO_CLIENT, lock=True)
            row.online, row.error, row.error_code = found.ok, found.error, found.error_code
            row.checked_at = self._clock()
        return found

    def _row(self, given: DownloadClientIn) -> MovieDownloadClient:
        values, now = given.model_dump(mode="json"), self._clock()
        for name in SECRETS:
            if values[name] == SECRET_MASK:
                sentence = f"Stars stand for a stored {name}, and there is none: give it itself."
                raise Invalid(sentence, field=f"body.{name}")
            values[name] = self._box.encrypt(values[name]) if values[name] else ""
        row = MovieDownloadClient(**values, created_at=now, updated_at=now)
        _check_secrets(row)
        return row

    async def _tested(self, row: MovieDownloadClient) -> ServerTestOut:
        try:
            found = await self._make(client_connection(row, self._box)).test()
        except HttpError as failure:
            return ServerTestOut(ok=False, error_code=failure.code.value, error=failure.message)
        except DecryptFailed as failure:
            return ServerTestOut(ok=False, error_code="unauthorized", error=failure.message)
        return ServerTestOut(ok=True, version=found.version, save_path=found.save_path, warning=found.warning)


def _check_secrets(row: MovieDownloadClient) -> None:
    if row.kind == ClientKind.SABNZBD and not row.api_key:
        raise Invalid("SABnzbd needs its API key (Config, General).", field="body.api_key")
    if row.kind == ClientKind.DELUGE and not row.password:
        raise Invalid("Deluge needs the password of its web interface.", field="body.password")


def _client_out(row: MovieDownloadClient) -> DownloadClientOut:
    secrets = {name: masked(getattr(row, name)) for name in SECRETS}
    return DownloadClientOut.model_validate({**row.model_dump(), **secrets})
