"""POSTs a body with Python's own client; prints status and reply."""

import sys
from urllib.request import Request, urlopen

url, key, body = sys.argv[1:]
headers = {"X-Api-Key": key, "Content-Type": "application/json"}
with urlopen(Request(url, body.encode(), headers), timeout=30) as reply:  # noqa: S310 - the test's own address
    sys.stdout.write(f"{reply.status} {reply.read().decode()}")
