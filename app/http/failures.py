"""What went wrong, as our errors: from exceptions of the connection, from redirects, from statuses and their bodies."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import httpx

from app.arr.models import Connection
from app.arr.parsing import clean_text
from app.http.addresses import BlockedAddress
from app.http.bodies import Json, parse_json
from app.http.errors import ArrError, ArrTimeout, BadAnswer, ErrorCode, WrongBaseUrl
from app.http.outgoing import read_retry_after

MAX_RETRY_AFTER = timedelta(hours=24)
BEFORE_SENDING = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.LocalProtocolError)
TRANSIENT_STATUSES = (500, 502, 503, 504)
SHOWN_SENTENCES = 5
# What nginx and Go answer to plain HTTP on a TLS port.
PLAIN_TO_TLS = ("plain HTTP request was sent to HTTPS port", "HTTP request to an HTTPS server")


class Progress:
    """How far a request came; `trace` is called by httpcore with the names of its steps."""

    def __init__(self) -> None:
        self.connecting = False
        self.sent = False
        self.answered = False

    async def trace(self, step: str, _details: object) -> None:
        if step == "connection.connect_tcp.started":
            self.connecting = True
        elif step.endswith("send_request_headers.started"):
            self.sent = True

    @property
    def may_have_reached(self) -> bool:
        """`False` only while a new connection was being made: not a byte of the request was written."""
        return self.sent or not self.connecting


def out_of_time(connection: Connection, progress: Progress) -> ArrTimeout:
    """The whole-answer deadline passed."""
    seconds = f"{connection.timeout_seconds:g} s"
    if progress.answered:
        sentence = f"The app at {place(connection)} began to answer but took longer than {seconds}: it is overloaded."
    elif progress.may_have_reached:
        sentence = f"The app at {place(connection)} did not answer within {seconds}: it is overloaded, or no app."
    else:
        sentence = _no_connection(connection)
    return ArrTimeout(sentence, may_have_reached=progress.may_have_reached, transient=not progress.answered)


def from_exception(failure: Exception, connection: Connection, progress: Progress) -> ArrError:
    """What the transport raised instead of a whole answer."""
    where = place(connection)
    if isinstance(failure, BlockedAddress):
        return ArrError(ErrorCode.BLOCKED_ADDRESS, f"{failure.message} Change the URL.", may_have_reached=False)
    causes = list(_causes(failure))
    tls = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
    reached = progress.may_have_reached and not (isinstance(failure, BEFORE_SENDING) and not progress.sent)
    if tls is not None:
        return ArrError(ErrorCode.TLS, _tls_sentence(tls, where), may_have_reached=reached)
    if isinstance(failure, httpx.ConnectTimeout | httpx.PoolTimeout):
        return ArrTimeout(_no_connection(connection), may_have_reached=reached, transient=True)
    if isinstance(failure, httpx.LocalProtocolError | httpx.InvalidURL):
        sentence = f"The request to {where} cannot be written: check the URL and the API key."
        return ArrError(ErrorCode.REFUSED, sentence, may_have_reached=False)
    if isinstance(failure, httpx.RemoteProtocolError) and not _is_cut(failure):
        return _not_http(failure, connection)
    if not isinstance(failure, httpx.ConnectError):
        sentence = f"The app at {where} cut the connection before its answer was whole."
    elif any(isinstance(cause, socket.gaierror | UnicodeError) for cause in causes):
        sentence = f"The name in {where} cannot be resolved: check the host of the URL."
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        sentence = f"Nothing listens at {where}: check host and port, and that the app runs."
    else:
        sentence = f"{where} cannot be reached: check host and port, and that the app runs."
    return ArrError(ErrorCode.UNREACHABLE, sentence, may_have_reached=reached, transient=True)


def from_redirect(response: httpx.Response, connection: Connection) -> ArrError:
    """A 3xx. Apps send one to their URL base (arr contracts §1.4); the others lead to log-in pages or proxies."""
    status = response.status_code
    target = urlsplit(response.headers.get("location", ""))
    asked = response.request.url.raw_path.decode("ascii").partition("?")[0]
    own = urlsplit(connection.url)
    elsewhere = bool(target.netloc) and (target.scheme, target.netloc) != (own.scheme, own.netloc)
    if not target.path.endswith(asked):
        return not_the_api(connection, status, may_have_reached=False)
    base = _shown(target.path.removesuffix(asked))
    if elsewhere:
        address = _shown(f"{target.scheme or own.scheme}://{target.netloc}{base}{own.path}")
        return WrongBaseUrl(f"The address redirects to {address}: use that as the URL.", base=base, http_status=status)
    if not base:
        sentence = f"The app at {place(connection)} redirects in a circle: check the reverse proxy."
        return BadAnswer(sentence, http_status=status)
    instead = " instead of " + _shown(own.path) if own.path else ""
    sentence = f"The app uses the URL base {base}: add it to the URL{instead}."
    return WrongBaseUrl(sentence, base=base, http_status=status)


def not_the_api(connection: Connection, status: int, *, may_have_reached: bool) -> ArrError:
    """Something other than JSON came: a page of the app's own at a wrong base (arr contracts §1.3), or no app."""
    base = _shown(urlsplit(connection.url).path)
    if base:
        sentence = f"There is a web page and no API under the URL base {base}: check the app's Settings, General."
        code = ErrorCode.WRONG_BASE_URL
    else:
        sentence = f"{place(connection)} answers with a web page: it is another program, or a log-in is in front of it."
        code = ErrorCode.NOT_AN_ARR
    return ArrError(code, sentence, http_status=status, may_have_reached=may_have_reached)


@dataclass(frozen=True, slots=True)
class Said:
    """What the body of an error says. `by_app`: in one of the apps' own forms."""

    text: str | None = None
    by_app: bool = False
    starting: bool = False


def read_said(body: bytes, connection: Connection) -> Said:
    """The sentence in an error body (arr contracts §1.7); never the .NET stack in `description`, never our key."""
    if any(mark.encode() in body for mark in PLAIN_TO_TLS):
        return Said(PLAIN_TO_TLS[0])
    try:
        reply = parse_json(body) if body else None
    except BadAnswer:
        return Said()
    if isinstance(reply, list):
        found = [record.get("errorMessage") for record in reply[:SHOWN_SENTENCES] if isinstance(record, dict)]
        return Said(_sentence(" ".join(text for text in found if isinstance(text, str)), connection), by_app=True)
    if not isinstance(reply, dict):
        return Said()
    if isinstance(reply.get("errorMessage"), str):
        return Said(_sentence(reply["errorMessage"], connection), by_app=True, starting=True)
    if isinstance(reply.get("message"), str):
        return Said(_sentence(reply["message"], connection), by_app=True)
    return Said(_sentence(reply.get("title"), connection))


def from_status(response: httpx.Response, said: Said, connection: Connection, now: datetime) -> ArrError:
    """A 4xx or 5xx."""
    status = response.status_code
    starting = status == 503 and said.starting
    code = ErrorCode.STARTING if starting else _code(status)
    if said.text == PLAIN_TO_TLS[0] and connection.url.startswith("http://"):
        code = ErrorCode.TLS
    return ArrError(
        code,
        _status_sentence(code, status, said.text, connection),
        http_status=status,
        retry_after=read_retry_after(response.headers.get("retry-after"), now, longest=MAX_RETRY_AFTER),
        # A refusal proves that nothing was done; a proxy's 502 or 504 proves nothing.
        may_have_reached=not (status < 500 or starting or (status == 500 and said.by_app)),
        transient=status in TRANSIENT_STATUSES and not starting,
    )


def place(connection: Connection) -> str:
    """Scheme, host and port, as sentences show them."""
    parts = urlsplit(connection.url)
    return _shown(f"{parts.scheme}://{parts.netloc}")


def _code(status: int) -> ErrorCode:
    known = {
        401: ErrorCode.UNAUTHORIZED,
        403: ErrorCode.UNAUTHORIZED,
        404: ErrorCode.NOT_FOUND,
        409: ErrorCode.CONFLICT,
        429: ErrorCode.RATE_LIMITED,
    }
    return known.get(status, ErrorCode.SERVER_ERROR if status >= 500 else ErrorCode.REFUSED)


def _status_sentence(code: ErrorCode, status: int, said: str | None, connection: Connection) -> str:
    if code is ErrorCode.UNAUTHORIZED:
        return f"The app refused the API key ({status}): copy it again from the app's Settings, General."
    if code is ErrorCode.STARTING:
        return "The app is starting up: try again in a minute."
    if code is ErrorCode.TLS:
        return f"The port of {place(connection)} speaks TLS: write https:// in the URL."
    if code is ErrorCode.RATE_LIMITED:
        return "The app, or a proxy in front of it, asks for fewer requests (429)."
    detail = f": {said.rstrip('.')}." if said else "."
    if code is ErrorCode.NOT_FOUND:
        return f"The app does not know what was asked for (404){detail}"
    if code is ErrorCode.SERVER_ERROR:
        return f"The app failed ({status}){detail if said else ', its log says why.'}"
    return f"The app refused the request ({status}){detail}"


def _tls_sentence(failure: ssl.SSLError, where: str) -> str:
    if isinstance(failure, ssl.SSLCertVerificationError):
        why = clean_text(failure.verify_message) or "it is not trusted"
        return (
            f"The certificate of {where} does not verify ({why.rstrip('.')}): "
            "trust its issuer, or turn off verification for this instance."
        )
    return f"No TLS connection to {where}: if the app does not use TLS there, write http:// in the URL."


def _not_http(failure: httpx.RemoteProtocolError, connection: Connection) -> ArrError:
    # h11's word for a first byte that is no text: a TLS alert where a status line should be.
    if "illegal request line" in str(failure) and connection.url.startswith("http://"):
        sentence = f"The port of {place(connection)} speaks TLS: write https:// in the URL."
        return ArrError(ErrorCode.TLS, sentence, may_have_reached=True)
    return BadAnswer(f"What listens at {place(connection)} does not speak HTTP: check the port.")


def _is_cut(failure: httpx.RemoteProtocolError) -> bool:
    return "disconnected" in str(failure) or "peer closed connection" in str(failure)


def _no_connection(connection: Connection) -> str:
    return f"No connection to {place(connection)} in time: check host and port, and any firewall in between."


def _causes(failure: object) -> Iterator[BaseException]:
    """The failure and what lies behind it. httpcore hands the original on as an argument, and drops `__cause__`."""
    if isinstance(failure, BaseException):
        yield failure
        for behind in (failure.__cause__, *failure.args):
            yield from _causes(behind)


def _sentence(text: Json, connection: Connection) -> str | None:
    if not isinstance(text, str):
        return None
    return clean_text(text.replace(connection.api_key, "…") if connection.api_key else text)


def _shown(text: str) -> str:
    return (clean_text(text) or "")[:120]
