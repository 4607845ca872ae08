"""What went wrong with a request, as our errors: a deadline that passed, exceptions of the connection, statuses."""

import socket
import ssl
from collections.abc import Iterator

import httpx

from app.http.addresses import BlockedAddress
from app.http.bodies import clean_text
from app.http.errors import BadBody, HttpError, HttpErrorCode, HttpTimeout
from app.http.messages import Endpoint, HttpReply

BEFORE_SENDING = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.LocalProtocolError)
TRANSIENT_STATUSES = (500, 502, 503, 504)
# What nginx and Go answer to plain HTTP on a TLS port.
PLAIN_TO_TLS = ("plain HTTP request was sent to HTTPS port", "HTTP request to an HTTPS server")
_STATUS_CODES = {
    401: HttpErrorCode.UNAUTHORIZED,
    403: HttpErrorCode.UNAUTHORIZED,
    404: HttpErrorCode.NOT_FOUND,
    409: HttpErrorCode.CONFLICT,
    429: HttpErrorCode.RATE_LIMITED,
}


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


def out_of_time(endpoint: Endpoint, progress: Progress) -> HttpTimeout:
    """The deadline for the whole reply passed."""
    subject, seconds = f"The {endpoint.noun} at {endpoint.origin}", f"{endpoint.timeout_seconds:g} s"
    if progress.answered:
        sentence = f"{subject} began to answer but took longer than {seconds}: it is overloaded."
    elif progress.may_have_reached:
        sentence = f"{subject} did not answer within {seconds}: it is overloaded, or no {endpoint.noun}."
    else:
        sentence = _no_connection(endpoint)
    return HttpTimeout(sentence, may_have_reached=progress.may_have_reached, transient=not progress.answered)


def from_exception(failure: Exception, endpoint: Endpoint, progress: Progress) -> HttpError:
    """What the transport raised instead of a whole reply."""
    where = endpoint.origin
    if isinstance(failure, BlockedAddress):
        sentence = f"{failure.message} Change the URL."
        return HttpError(HttpErrorCode.BLOCKED_ADDRESS, sentence, may_have_reached=False)
    causes = list(_causes(failure))
    tls = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
    reached = progress.may_have_reached and not (isinstance(failure, BEFORE_SENDING) and not progress.sent)
    if tls is not None:
        return HttpError(HttpErrorCode.TLS, _tls_sentence(tls, endpoint), may_have_reached=reached)
    if isinstance(failure, httpx.ConnectTimeout | httpx.PoolTimeout):
        return HttpTimeout(_no_connection(endpoint), may_have_reached=reached, transient=True)
    if isinstance(failure, httpx.LocalProtocolError | httpx.InvalidURL):
        sentence = f"The request to {where} cannot be written: check the URL and the API key."
        return HttpError(HttpErrorCode.REFUSED, sentence, may_have_reached=False)
    if isinstance(failure, httpx.RemoteProtocolError) and not _is_cut(failure):
        return _not_http(failure, endpoint)
    if not isinstance(failure, httpx.ConnectError):
        sentence = f"The {endpoint.noun} at {where} cut the connection before its answer was whole."
    else:
        sentence = _unreachable_sentence(causes, endpoint)
    return HttpError(HttpErrorCode.UNREACHABLE, sentence, may_have_reached=reached, transient=True)


def refuse_plain_to_tls(endpoint: Endpoint, reply: HttpReply) -> None:
    """Raise when the reply is a TLS port's complaint of plain HTTP."""
    if reply.status < 400 or not endpoint.url.startswith("http://"):
        return
    if any(phrase.encode() in (reply.body or b"") for phrase in PLAIN_TO_TLS):
        reached = reply.status >= 500
        raise HttpError(HttpErrorCode.TLS, speaks_tls(endpoint), may_have_reached=reached, http_status=reply.status)


def status_code(status: int) -> HttpErrorCode:
    """The code of a status from 400 on."""
    return _STATUS_CODES.get(status, HttpErrorCode.SERVER_ERROR if status >= 500 else HttpErrorCode.REFUSED)


def speaks_tls(endpoint: Endpoint) -> str:
    return f"The port of {endpoint.origin} speaks TLS: write https:// in the URL."


def _unreachable_sentence(causes: list[BaseException], endpoint: Endpoint) -> str:
    if any(isinstance(cause, socket.gaierror | UnicodeError) for cause in causes):
        return f"The name in {endpoint.origin} cannot be resolved: check the host of the URL."
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return f"Nothing listens at {endpoint.origin}: check host and port, and that the {endpoint.noun} runs."
    return f"{endpoint.origin} cannot be reached: check host and port, and that the {endpoint.noun} runs."


def _tls_sentence(failure: ssl.SSLError, endpoint: Endpoint) -> str:
    if isinstance(failure, ssl.SSLCertVerificationError):
        why = clean_text(failure.verify_message) or "it is not trusted"
        return (
            f"The certificate of {endpoint.origin} does not verify ({why.rstrip('.')}): "
            "trust its issuer, or turn off verification for this instance."
        )
    return (
        f"No TLS connection to {endpoint.origin}: "
        f"if the {endpoint.noun} does not use TLS there, write http:// in the URL."
    )


def _not_http(failure: httpx.RemoteProtocolError, endpoint: Endpoint) -> HttpError:
    # h11's message for a first byte that is no text: a TLS alert where a status line should be.
    if "illegal request line" in str(failure) and endpoint.url.startswith("http://"):
        return HttpError(HttpErrorCode.TLS, speaks_tls(endpoint), may_have_reached=True)
    return BadBody(f"What listens at {endpoint.origin} does not speak HTTP: check the port.")


def _is_cut(failure: httpx.RemoteProtocolError) -> bool:
    return "disconnected" in str(failure) or "peer closed connection" in str(failure)


def _no_connection(endpoint: Endpoint) -> str:
    return f"No connection to {endpoint.origin} in time: check host and port, and any firewall in between."


def _causes(failure: object) -> Iterator[BaseException]:
    """The failure and what lies behind it. httpcore passes the original on as an argument, and drops `__cause__`."""
    if isinstance(failure, BaseException):
        yield failure
        for behind in (failure.__cause__, *failure.args):
            yield from _causes(behind)
