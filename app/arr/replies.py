"""What the reply of an app means: its JSON, or the error that its status, its redirect or its page stands for."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import SplitResult, urlsplit

from app.arr.errors import ArrError, BadReply, ErrorCode, WrongBaseUrl
from app.arr.models import Connection
from app.core.errors import Invalid
from app.http.addresses import normalise_url
from app.http.bodies import Json, clean_text, looks_like_json, parse_json
from app.http.clients import read_retry_after
from app.http.errors import BadBody
from app.http.failures import PLAIN_TO_TLS, TRANSIENT_STATUSES, status_code
from app.http.messages import HttpReply, Method, origin_of, shown

MAX_RETRY_AFTER = timedelta(hours=24)
MAX_SENTENCES = 5
PAGE_TYPES = ("text/html", "application/xhtml+xml")
# The apps send their own log-in page to `/login?returnUrl=…`, with their base before it, or ask for Basic credentials
# in the realm of their name. They do that for pages only, never under their API.
APP_LOGIN = re.compile(r"(?P<base>.*)/login", re.IGNORECASE)
APP_LOGIN_QUERY = "returnurl="
APP_REALM = re.compile(r'basic realm="(sonarr|radarr|lidarr|readarr|whisparr|prowlarr)"', re.IGNORECASE)
FOREIGN_LOGIN = re.compile(r"log-?_?in|sign-?_?in|auth|sso|challenge", re.IGNORECASE)
HEADERS_HELP = "give what it asks for in the headers of the instance, or the app's own address in the URL"


def read_reply(reply: HttpReply, connection: Connection, method: Method, now: datetime) -> Json:
    """The JSON of the reply, `None` when a write was answered with an empty body; else an `ArrError`."""
    _refuse_log_in(reply, connection)
    if reply.status >= 400:
        raise _from_status(reply, connection, now)
    if not 200 <= reply.status < 300:
        raise _from_redirect(reply, connection)
    if reply.body is None:
        raise _not_the_api(connection, reply, may_have_reached=method != "GET")
    return parse_json(reply.body) if reply.body or method == "GET" else None


def _refuse_log_in(reply: HttpReply, connection: Connection) -> None:
    """Raise for a log-in: of the app itself, whose API is at another base then, or of something in front of it.

    An app that refuses the key answers 401 and nothing else: no body, no `Location`, no `WWW-Authenticate`.
    """
    target, own = urlsplit(reply.headers.get("location", "")), urlsplit(connection.url)
    refuses, redirects = reply.status in (401, 403, 407), 300 <= reply.status < 400
    base = _base_of_login(reply) if refuses or redirects else None
    if base is not None and base != own.path:
        raise _wrong_base(connection, reply.status, base)
    leads_on = redirects and not target.path.endswith(reply.path)
    if refuses and (_is_page(reply) or target.path or "www-authenticate" in reply.headers):
        raise _login_in_front(connection, reply.status, f"answers {reply.status}")
    if leads_on and target.hostname not in (None, own.hostname):
        raise _login_in_front(connection, reply.status, f"redirects to {_host_of(target)}")
    if leads_on and FOREIGN_LOGIN.search(target.path):
        raise _login_in_front(connection, reply.status, f"redirects to {shown(target.path)}")
    if "challenge" in reply.headers.get("cf-mitigated", "").lower():
        raise _login_in_front(connection, reply.status, "answers with a challenge of Cloudflare")


def _host_of(target: SplitResult) -> str:
    """As a sentence names it; no sentence leads to an address that we would not ask ourselves."""
    try:
        return shown(urlsplit(normalise_url(f"http://{target.netloc}")).netloc)
    except Invalid:
        return "another host"


def _base_of_login(reply: HttpReply) -> str | None:
    """The base of the app whose log-in this is; `None` when it is no log-in of an app."""
    target = urlsplit(reply.headers.get("location", ""))
    page = APP_LOGIN.fullmatch(target.path)
    if page is not None and APP_LOGIN_QUERY in target.query.lower():
        return page["base"]
    return "" if APP_REALM.match(reply.headers.get("www-authenticate", "")) else None


def _is_page(reply: HttpReply) -> bool:
    body = (reply.body or b"").strip()
    return bool(body) and not looks_like_json(body)


def _login_in_front(connection: Connection, status: int, what: str) -> ArrError:
    sentence = f"A log-in or a challenge is in front of the app: {origin_of(connection.url)} {what}; {HEADERS_HELP}."
    return ArrError(ErrorCode.LOGIN_IN_FRONT, sentence, http_status=status, may_have_reached=False)


def _wrong_base(connection: Connection, status: int, base: str) -> ArrError:
    """The app's own log-in page came, which is under `base`: no API is under the base of the URL."""
    own = shown(urlsplit(connection.url).path)
    if base:
        sentence = f"The app uses the URL base {shown(base)}: add it to the URL{f' instead of {own}' if own else ''}."
    else:
        sentence = f"The app asks for a log-in under the URL base {own}, so its API is not there: check the URL."
    return WrongBaseUrl(sentence, base=shown(base), http_status=status)


def _from_redirect(reply: HttpReply, connection: Connection) -> ArrError:
    """A 3xx. Apps send one to their URL base; the others lead to log-in pages or proxies."""
    target = urlsplit(reply.headers.get("location", ""))
    own = urlsplit(connection.url)
    elsewhere = bool(target.netloc) and (target.scheme, target.netloc) != (own.scheme, own.netloc)
    if not target.path.endswith(reply.path):
        return _not_the_api(connection, reply, may_have_reached=False)
    base = shown(target.path.removesuffix(reply.path))
    if elsewhere:
        address = shown(f"{target.scheme or own.scheme}://{target.netloc}{base}{own.path}")
        sentence = f"The address redirects to {address}: use that as the URL."
        return WrongBaseUrl(sentence, base=base, http_status=reply.status)
    if not base:
        sentence = f"The app at {origin_of(connection.url)} redirects in a circle: check the reverse proxy."
        return BadReply(sentence, http_status=reply.status)
    instead = " instead of " + shown(own.path) if own.path else ""
    sentence = f"The app uses the URL base {base}: add it to the URL{instead}."
    return WrongBaseUrl(sentence, base=base, http_status=reply.status)


def _not_the_api(connection: Connection, reply: HttpReply, *, may_have_reached: bool) -> ArrError:
    """Something other than JSON came: a page of the app's own at a wrong base, or of another program."""
    base = shown(urlsplit(connection.url).path)
    what = _seen(reply)
    if base:
        sentence = f"There is {what} and no API under the URL base {base}: check the app's Settings, General."
        code = ErrorCode.WRONG_BASE_URL
    else:
        where = origin_of(connection.url)
        sentence = f"{where} answers with {what}: it is another program, or a log-in is in front of it."
        code = ErrorCode.NOT_AN_ARR
    return ArrError(code, sentence, http_status=reply.status, may_have_reached=may_have_reached)


def _seen(reply: HttpReply) -> str:
    if 300 <= reply.status < 400:
        target = shown(reply.headers.get("location", ""))
        return f"a redirect to {target}" if target else "a redirect to nowhere"
    if reply.content_type in PAGE_TYPES:
        return "a web page"
    return f"{shown(reply.content_type)} instead of JSON" if reply.content_type else "no JSON"


def _from_status(reply: HttpReply, connection: Connection, now: datetime) -> ArrError:
    """A 4xx or 5xx."""
    status = reply.status
    error = _read_error(reply.body or b"", connection)
    starting = status == 503 and error.may_be_starting
    code = ErrorCode.STARTING if starting else ErrorCode(status_code(status).value)
    return ArrError(
        code,
        _status_sentence(code, status, error.text),
        http_status=status,
        retry_after=read_retry_after(reply.headers.get("retry-after"), now, longest=MAX_RETRY_AFTER),
        # A refusal proves that nothing was done; a proxy's 502 or 504 proves nothing.
        may_have_reached=not (status < 500 or starting or (status == 500 and error.by_app)),
        transient=status in TRANSIENT_STATUSES and not starting,
    )


def _status_sentence(code: ErrorCode, status: int, text: str | None) -> str:
    if code is ErrorCode.UNAUTHORIZED:
        return f"The app refused the API key ({status}): copy it again from the app's Settings, General."
    if code is ErrorCode.STARTING:
        return "The app is starting up: try again in a minute."
    if code is ErrorCode.RATE_LIMITED:
        return "The app, or a proxy in front of it, asks for fewer requests (429)."
    detail = f": {text.rstrip('.')}." if text else "."
    if code is ErrorCode.NOT_FOUND:
        return f"The app does not know what was asked for (404){detail}"
    if code is ErrorCode.SERVER_ERROR:
        return f"The app failed ({status}){detail if text else ', its log says why.'}"
    return f"The app refused the request ({status}){detail}"


@dataclass(frozen=True, slots=True)
class _ErrorBody:
    """What the body of an error says. `by_app`: in one of the apps' own forms."""

    text: str | None = None
    by_app: bool = False
    may_be_starting: bool = False


def _read_error(body: bytes, connection: Connection) -> _ErrorBody:
    """The sentence in an error's body; never the .NET stack in `description`, never our key."""
    if any(phrase.encode() in body for phrase in PLAIN_TO_TLS):
        return _ErrorBody(PLAIN_TO_TLS[0])
    try:
        reply = parse_json(body) if body else None
    except BadBody:
        return _ErrorBody()
    if isinstance(reply, list):
        found = [record.get("errorMessage") for record in reply[:MAX_SENTENCES] if isinstance(record, dict)]
        text = " ".join(message for message in found if isinstance(message, str))
        return _ErrorBody(_sentence(text, connection), by_app=True)
    if not isinstance(reply, dict):
        return _ErrorBody()
    if isinstance(reply.get("errorMessage"), str):
        return _ErrorBody(_sentence(reply["errorMessage"], connection), by_app=True, may_be_starting=True)
    if isinstance(reply.get("message"), str):
        return _ErrorBody(_sentence(reply["message"], connection), by_app=True)
    return _ErrorBody(_sentence(reply.get("title"), connection))


def _sentence(text: Json, connection: Connection) -> str | None:
    if not isinstance(text, str):
        return None
    for secret in (connection.api_key, *connection.headers.values()):
        text = text.replace(secret, "…") if secret else text
    return clean_text(text)
