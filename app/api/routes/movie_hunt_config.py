"""Movie Hunt: quality profiles, indexers, download clients and root folders."""

from app.api.deps import RowId
from app.api.policy import Access, RoutePolicy
from app.api.refusals import (
    CLIENT_BUSY,
    CLIENT_NAME_TAKEN,
    FOLDER_IN_USE,
    FOLDER_THERE,
    INDEXER_NAME_TAKEN,
    NO_CLIENT,
    NO_FOLDER,
    NO_INDEXER,
    NO_PROFILE,
    PROFILE_IN_USE,
    PROFILE_NAME_TAKEN,
    errors,
)
from app.api.routing import ApiRouter
from app.api.services import MovieClients, MovieFolders, MovieIndexers, MovieProfiles
from app.api.tags import Tag
from app.core.schemas import MessageReply, Reply
from app.movie_hunt.clients import (
    DownloadClientIn,
    DownloadClientOut,
    DownloadClientPatch,
    DownloadClientTestIn,
)
from app.movie_hunt.indexers import IndexerIn, IndexerPatch, IndexerTestIn, MovieIndexerOut, ServerTestOut
from app.movie_hunt.profiles import ProfileIn, ProfileOut, ProfilePatch
from app.movie_hunt.root_folders import RootFolderIn, RootFolderOut

router = ApiRouter(tag=Tag.MOVIE_HUNT, prefix="/api/movie-hunt")


@router.get("/quality-profiles", summary="Quality profiles")
@RoutePolicy(Access.READ)
async def list_quality_profiles(profiles: MovieProfiles) -> Reply[list[ProfileOut]]:
    return Reply[list[ProfileOut]](data=await profiles.list())


@router.post(
    "/quality-profiles", status_code=201, summary="Create quality profile", responses=errors(PROFILE_NAME_TAKEN)
)
@RoutePolicy(Access.FULL)
async def create_quality_profile(body: ProfileIn, profiles: MovieProfiles) -> Reply[ProfileOut]:
    """What is left out is as in the default profile."""
    return Reply[ProfileOut](data=await profiles.create(body), message="Quality profile created")


@router.get("/quality-profiles/{profile_id}", summary="Quality profile", responses=errors(NO_PROFILE))
@RoutePolicy(Access.READ)
async def get_quality_profile(profile_id: RowId, profiles: MovieProfiles) -> Reply[ProfileOut]:
    return Reply[ProfileOut](data=await profiles.get(profile_id))


@router.patch(
    "/quality-profiles/{profile_id}",
    summary="Change quality profile",
    responses=errors(NO_PROFILE, PROFILE_NAME_TAKEN),
)
@RoutePolicy(Access.FULL)
async def update_quality_profile(profile_id: RowId, body: ProfilePatch, profiles: MovieProfiles) -> Reply[ProfileOut]:
    """Changes only what is in the body; lists are replaced as a whole."""
    return Reply[ProfileOut](data=await profiles.update(profile_id, body), message="Quality profile saved")


@router.delete(
    "/quality-profiles/{profile_id}", summary="Delete quality profile", responses=errors(NO_PROFILE, PROFILE_IN_USE)
)
@RoutePolicy(Access.FULL)
async def delete_quality_profile(profile_id: RowId, profiles: MovieProfiles) -> MessageReply:
    await profiles.delete(profile_id)
    return MessageReply(message="Quality profile deleted")


@router.get("/indexers", summary="Indexers of Movie Hunt")
@RoutePolicy(Access.READ)
async def list_movie_indexers(indexers: MovieIndexers) -> Reply[list[MovieIndexerOut]]:
    return Reply[list[MovieIndexerOut]](data=await indexers.list())


@router.post("/indexers", status_code=201, summary="Create indexer", responses=errors(INDEXER_NAME_TAKEN))
@RoutePolicy(Access.FULL)
async def create_movie_indexer(body: IndexerIn, indexers: MovieIndexers) -> Reply[MovieIndexerOut]:
    """It need not be up."""
    return Reply[MovieIndexerOut](data=await indexers.create(body), message="Indexer created")


@router.post("/indexers/test", summary="Test indexer")
@RoutePolicy(Access.FULL)
async def test_movie_indexer(body: IndexerTestIn, indexers: MovieIndexers) -> Reply[ServerTestOut]:
    """Asks what it can do and for one release. Nothing is stored. Always 200."""
    return Reply[ServerTestOut](data=await indexers.test(body))


@router.get("/indexers/{indexer_id}", summary="Indexer", responses=errors(NO_INDEXER))
@RoutePolicy(Access.READ)
async def get_movie_indexer(indexer_id: RowId, indexers: MovieIndexers) -> Reply[MovieIndexerOut]:
    return Reply[MovieIndexerOut](data=await indexers.get(indexer_id))


@router.patch("/indexers/{indexer_id}", summary="Change indexer", responses=errors(NO_INDEXER, INDEXER_NAME_TAKEN))
@RoutePolicy(Access.FULL)
async def update_movie_indexer(
    indexer_id: RowId, body: IndexerPatch, indexers: MovieIndexers
) -> Reply[MovieIndexerOut]:
    """Changes only what is in the body. A new `url` needs the `api_key` with it."""
    return Reply[MovieIndexerOut](data=await indexers.update(indexer_id, body), message="Indexer saved")


@router.delete("/indexers/{indexer_id}", summary="Delete indexer", responses=errors(NO_INDEXER))
@RoutePolicy(Access.FULL)
async def delete_movie_indexer(indexer_id: RowId, indexers: MovieIndexers) -> MessageReply:
    """Downloads of its releases go on; the history keeps its name."""
    await indexers.delete(indexer_id)
    return MessageReply(message="Indexer deleted")


@router.post("/indexers/{indexer_id}/test", summary="Test stored indexer", responses=errors(NO_INDEXER))
@RoutePolicy(Access.FULL)
async def test_stored_movie_indexer(indexer_id: RowId, indexers: MovieIndexers) -> Reply[ServerTestOut]:
    """A success ends its rest. Always 200."""
    return Reply[ServerTestOut](data=await indexers.test_stored(indexer_id))


@router.get("/download-clients", summary="Download clients")
@RoutePolicy(Access.READ)
async def list_download_clients(clients: MovieClients) -> Reply[list[DownloadClientOut]]:
    return Reply[list[DownloadClientOut]](data=await clients.list())


@router.post(
    "/download-clients", status_code=201, summary="Create download client", responses=errors(CLIENT_NAME_TAKEN)
)
@RoutePolicy(Access.FULL)
async def create_download_client(body: DownloadClientIn, clients: MovieClients) -> Reply[DownloadClientOut]:
    """It need not be up."""
    return Reply[DownloadClientOut](data=await clients.create(body), message="Download client created")


@router.post("/download-clients/test", summary="Test download client")
@RoutePolicy(Access.FULL)
async def test_download_client(body: DownloadClientTestIn, clients: MovieClients) -> Reply[ServerTestOut]:
    """Signs in. Nothing is stored. Always 200."""
    return Reply[ServerTestOut](data=await clients.test(body))


@router.get("/download-clients/{client_id}", summary="Download client", responses=errors(NO_CLIENT))
@RoutePolicy(Access.READ)
async def get_download_client(client_id: RowId, clients: MovieClients) -> Reply[DownloadClientOut]:
    return Reply[DownloadClientOut](data=await clients.get(client_id))


@router.patch(
    "/download-clients/{client_id}",
    summary="Change download client",
    responses=errors(NO_CLIENT, CLIENT_NAME_TAKEN),
)
@RoutePolicy(Access.FULL)
async def update_download_client(
    client_id: RowId, body: DownloadClientPatch, clients: MovieClients
) -> Reply[DownloadClientOut]:
    """Changes only what is in the body. A new `url` needs the secrets with it."""
    return Reply[DownloadClientOut](data=await clients.update(client_id, body), message="Download client saved")


@router.delete(
    "/download-clients/{client_id}", summary="Delete download client", responses=errors(NO_CLIENT, CLIENT_BUSY)
)
@RoutePolicy(Access.FULL)
async def delete_download_client(client_id: RowId, clients: MovieClients) -> MessageReply:
    await clients.delete(client_id)
    return MessageReply(message="Download client deleted")


@router.post("/download-clients/{client_id}/test", summary="Test stored download client", responses=errors(NO_CLIENT))
@RoutePolicy(Access.FULL)
async def test_stored_download_client(client_id: RowId, clients: MovieClients) -> Reply[ServerTestOut]:
    """Always 200."""
    return Reply[ServerTestOut](data=await clients.test_stored(client_id))


@router.get("/root-folders", summary="Root folders")
@RoutePolicy(Access.READ)
async def list_root_folders(folders: MovieFolders) -> Reply[list[RootFolderOut]]:
    return Reply[list[RootFolderOut]](data=await folders.list())


@router.post("/root-folders", status_code=201, summary="Add root folder", responses=errors(FOLDER_THERE))
@RoutePolicy(Access.FULL)
async def create_root_folder(body: RootFolderIn, folders: MovieFolders) -> Reply[RootFolderOut]:
    """The folder must exist and be writable; it is not changed."""
    return Reply[RootFolderOut](data=await folders.create(body), message="Root folder added")


@router.delete("/root-folders/{folder_id}", summary="Delete root folder", responses=errors(NO_FOLDER, FOLDER_IN_USE))
@RoutePolicy(Access.FULL)
async def delete_root_folder(folder_id: RowId, folders: MovieFolders) -> MessageReply:
    """On disk nothing is deleted."""
    await folders.delete(folder_id)
    return MessageReply(message="Root folder deleted")
