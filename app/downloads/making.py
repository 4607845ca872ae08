"""Makes the object that talks to a download client."""

import asyncio

from app.downloads.deluge import Deluge
from app.downloads.models import ClientConnection, ClientKind, DownloadClient
from app.downloads.nzbget import Nzbget
from app.downloads.qbittorrent import Qbittorrent, Sleep
from app.downloads.sabnzbd import Sabnzbd
from app.downloads.transmission import Transmission
from app.http.client import HttpClient


def make_client(http: HttpClient, connection: ClientConnection, sleep: Sleep = asyncio.sleep) -> DownloadClient:
    """It asks nothing before its first call, and keeps its session: keep it as long as the connection is the same.

    `sleep` is for waits between two looks at a list.
    """
    match connection.kind:
        case ClientKind.QBITTORRENT:
            return Qbittorrent(http, connection, sleep)
        case ClientKind.TRANSMISSION:
            return Transmission(http, connection)
        case ClientKind.DELUGE:
            return Deluge(http, connection)
        case ClientKind.SABNZBD:
            return Sabnzbd(http, connection)
        case ClientKind.NZBGET:
            return Nzbget(http, connection)
