"""Forms as bodies of requests: fields alone, and fields with a file (RFC 7578)."""

import secrets
from collections.abc import Mapping
from urllib.parse import urlencode

from app.http.messages import Content

FORM = "application/x-www-form-urlencoded"


def form(fields: Mapping[str, str]) -> Content:
    return Content(urlencode(fields).encode(), FORM)


def form_with_file(fields: Mapping[str, str], field: str, file_name: str, content: bytes, media: str) -> Content:
    """`field` holds the file. Names are ours: they stand in the body as they are."""
    boundary = f"huntarr-{secrets.token_hex(16)}"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{file_name}"\r\n'
    head += f"Content-Type: {media}\r\n\r\n"
    body = ("".join(parts) + head).encode() + content + f"\r\n--{boundary}--\r\n".encode()
    return Content(body, f"multipart/form-data; boundary={boundary}")
