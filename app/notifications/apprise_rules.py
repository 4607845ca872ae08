"""Which of Apprise's addresses are taken: none that acts on the machine that Huntarr runs on. Pure.

The second line of this is the guard of `courier.py`, which sees what an address really does.
"""

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import unquote

from app.http.addresses import is_blocked

MAX_URL_LENGTH: Final = 2000
LOCAL_SCHEMES: Final = frozenset(
    {"blink1", "dbus", "exec", "file", "gio", "glib", "gnome", "growl", "kde", "macosx", "qt", "syslog", "windows"}
)
"""They speak to a desktop, a device or the log of this machine, or are another program's word for running one."""
LOCAL_PARAMETERS: Final = frozenset({"attach", "keyfile", "pgpprv", "pgppub", "subfile", "template"})
"""They name files to be read, here or elsewhere."""
_PARTS: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9]{0,39})://(?P<place>[^/?#]*)(?P<rest>.*)", re.DOTALL)
_HOST: Final = re.compile(r"\[(?P<six>[^\]]*)\]|(?P<other>[^:]*)")


def checked(url: str) -> str:
    """The address; `ValueError` with a sentence that does not repeat it."""
    parts = _PARTS.fullmatch(url)
    if parts is None or not url.isprintable() or " " in url:
        raise ValueError("must be an address of Apprise, such as tgram://token/chat, without spaces")
    scheme = parts["scheme"].lower()
    if scheme in LOCAL_SCHEMES:
        raise ValueError(f"{scheme}:// acts on the machine that Huntarr runs on, which no notification may")
    for name in re.findall(r"[?&]([^=&#]*)", parts["rest"]):
        if unquote(name).strip(" -+:").lower() in LOCAL_PARAMETERS:
            raise ValueError("must not name a file: attachments, templates and key files are not used")
    if _is_blocked(parts["place"]):
        raise ValueError("must not lead to a link-local, metadata, multicast or unspecified address")
    return url


def _is_blocked(place: str) -> bool:
    found = _HOST.match(place.rpartition("@")[2])
    host = unquote((found["six"] or found["other"] or "") if found else "")
    try:
        return is_blocked(str(ip_address(host.partition("%")[0])))
    except ValueError:  # a name, or a token where other addresses have a host
        return False
