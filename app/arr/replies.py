"""What the reply of an app means: its JSON, or the error that its status, its redirect or its page stands for."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from app.arr.errors import ArrError, BadReply, ErrorCode, WrongBaseUrl
from app.arr.models import Connection
from app.http.bodies import Json, clean_text, parse_json
from app.http.clients import read_retry_after
from app.http.errors import BadBody
from app.http.failures import PLAIN_TO_TLS, TRANSIENT_STATUSES, status_code
from app.http.messages import HttpReply, Method, origin_of, shown

MAX_RETRY_AFTER = timedelta(hours=24)
MAX_SENTENCES = 5


def read_reply(reply: HttpReply, connection: Connection, method: Method, now: datetime) -> Json:
    """The JSON of the reply, `None` when a write was answered with an empty body; else an `ArrError`."""
    if reply.status >= 400:
        raise _from_status(reply, connection, now)
    if not 200 <= reply.status < 300:
        raise _from_redirect(reply, connection)
    if reply.body is None:
        raise _not_the_api(connection, reply.status, may_have_reached=method != "GET")
    return parse_json(reply.body) if reply.body or method == "GET" else None


def _from_redirect(reply: HttpReply, connection: Connection) -> ArrError:
    """A 3xx. Apps send one to their URL base; the others lead to log-in pages or proxies."""
    target = urlsplit(reply.headers.get("location", ""))
    own = urlsplit(connection.url)
    elsewhere = bool(target.netloc) and (target.scheme, target.netloc) != (own.scheme, own.netloc)
    if not target.path.endswith(reply.path):
        return _not_the_api(connection, reply.status, may_have_reached=False)
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


def _not_the_api(connection: Connection, status: int, *, may_have_reached: bool) -> ArrError:
    """Something other than JSON came: a page of the app's own at a wrong base, or of another program."""
    base = shown(urlsplit(connection.url).path)
    if base:
        sentence = f"There is a web page and no API under the URL base {base}: check the app's Settings, General."
        code = ErrorCode.WRONG_BASE_URL
    else:
        where = origin_of(connection.url)
        sentence = f"{where} answers with a web page: it is another program, or a log-in is in front of it."
        code = ErrorCode.NOT_AN_ARR
    return ArrError(code, sentence, http_status=status, may_have_reached=may_have_reached)


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
    return clean_text(text.replace(connection.api_key, "…") if connection.api_key else text)
