"""Makes the object that talks to a download client."""

from app.downloads.deluge import Deluge
from app.downloads.models import ClientConnection, ClientKind, DownloadClient
from app.downloads.nzbget import Nzbget
from app.downloads.qbittorrent import Qbittorrent
from app.downloads.sabnzbd import Sabnzbd
from app.downloads.transmission import Transmission
from app.http.client import HttpClient


def make_client(http: HttpClient, connection: ClientConnection) -> DownloadClient:
    """It signs in when it is first asked something, and keeps the session."""
    if connection.kind is ClientKind.QBITTORRENT:
        return Qbittorrent(http, connection)
    if connection.kind is ClientKind.TRANSMISSION:
        return Transmission(http, connection)
    if connection.kind is ClientKind.DELUGE:
        return Deluge(http, connection)
    if connection.kind is ClientKind.SABNZBD:
        return Sabnzbd(http, connection)
    return Nzbget(http, connection)
