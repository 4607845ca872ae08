"""The object that talks to a download client of each kind."""

import pytest

from app.downloads.deluge import Deluge
from app.downloads.making import make_client
from app.downloads.models import ClientConnection, ClientKind
from app.downloads.nzbget import Nzbget
from app.downloads.qbittorrent import Qbittorrent
from app.downloads.sabnzbd import Sabnzbd
from app.downloads.transmission import Transmission
from app.http.client import HttpClient

CLASSES = {
    ClientKind.SABNZBD: Sabnzbd,
    ClientKind.NZBGET: Nzbget,
    ClientKind.QBITTORRENT: Qbittorrent,
    ClientKind.TRANSMISSION: Transmission,
    ClientKind.DELUGE: Deluge,
}


@pytest.mark.parametrize("kind", ClientKind)
def test_every_kind_has_its_client(kind: ClientKind) -> None:
    made = make_client(HttpClient({}), ClientConnection(kind, "http://localhost:8080"))
    assert type(made) is CLASSES[kind]
