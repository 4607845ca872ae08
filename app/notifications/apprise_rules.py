"""Which of Apprise's addresses are allowed: none that acts on the machine that Huntarr runs on. Pure.

The guard in `apprise_subprocess.py` is the second line of defence: it sees what an address really does.
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
"""They reach a desktop, a device or the log of this machine, or run a program."""
LOCAL_PARAMETERS: Final = frozenset({"attach", "keyfile", "pgpprv", "pgppub", "subfile", "template"})
"""They name files to read, here or elsewhere."""
_PARTS: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9]{0,39})://(?P<authority>[^/?#]*)(?P<rest>.*)", re.DOTALL)
_HOST: Final = re.compile(r"\[(?P<ipv6>[^\]]*)\]|(?P<other>[^:]*)")


def check_address(url: str) -> str:
    """Returns the address, or raises `ValueError` with a sentence that does not quote it."""
    parts = _PARTS.fullmatch(url)
    if parts is None or not url.isprintable() or " " in url:
        raise ValueError("must be an address of Apprise, such as tgram://token/chat, without spaces")
    scheme = parts["scheme"].lower()
    if scheme in LOCAL_SCHEMES:
        raise ValueError(f"{scheme}:// acts on the machine that Huntarr runs on, which notifications must not")
    for name in re.findall(r"[?&]([^=&#]*)", parts["rest"]):
        if unquote(name).strip(" -+:").lower() in LOCAL_PARAMETERS:
            raise ValueError("must not name a file: attachments, templates and key files are not used")
    if _is_blocked(parts["authority"]):
        raise ValueError("must not point to a link-local, metadata, multicast or unspecified address")
    return url


def _is_blocked(authority: str) -> bool:
    found = _HOST.match(authority.rpartition("@")[2])
    host = unquote((found["ipv6"] or found["other"] or "") if found else "")
    try:
        return is_blocked(str(ip_address(host.partition("%")[0])))
    except ValueError:  # a name, or a token in place of a host
        return False
