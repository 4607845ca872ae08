"""The apps' error answers, raised by routes and turned into replies by the middleware."""

from typing import Any

from tests.simulator.messages import JSON_MEDIA, Json, Reply, dump

PROBLEM_MEDIA = "application/problem+json; charset=utf-8"
_TYPES = {
    400: "https://tools.ietf.org/html/rfc9110#section-15.5.1",
    404: "https://tools.ietf.org/html/rfc9110#section-15.5.5",
    415: "https://tools.ietf.org/html/rfc9110#section-15.5.16",
}
_TITLES = {404: "Not Found", 415: "Unsupported Media Type"}
_TRACE = "00-5a1f00000000000000000000000000aa-5a1f0000000000bb-00"


class ApiFault(Exception):
    """Carries the reply that the simulated app gives instead of a result."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"HTTP {reply.status}")
        self.reply = reply


def problem(status: int, media: str = JSON_MEDIA) -> ApiFault:
    body = {"type": _TYPES[status], "title": _TITLES[status], "status": status, "traceId": _TRACE}
    return ApiFault(Reply(status, dump(body), media))


def binding(name: str, message: str) -> ApiFault:
    """Model binding failed: a bad query value, an unknown enum value or broken JSON."""
    body = {
        "type": _TYPES[400],
        "title": "One or more validation errors occurred.",
        "status": 400,
        "traceId": _TRACE,
        "errors": {name: [message]},
    }
    return ApiFault(Reply(400, dump(body), JSON_MEDIA))


def bad_value(name: str, value: str) -> ApiFault:
    return binding(name, f"The value '{value}' is not valid.")


def by_error_handler(status: int, body: Any) -> ApiFault:
    return ApiFault(Reply(status, dump(body), "application/json", by_error_handler=True))


def validation(*failures: tuple[str, str, str], value: Any = None) -> ApiFault:
    """FluentValidation: an array of (propertyName, errorMessage, errorCode); `value` was refused."""
    rows: list[Json] = [
        {
            "propertyName": name,
            "errorMessage": message,
            **({} if value is None else {"attemptedValue": value}),
            "severity": "error",
            "errorCode": code,
            "formattedMessageArguments": [],
            "formattedMessagePlaceholderValues": {"propertyName": name, "propertyValue": value},
        }
        for name, message, code in failures
    ]
    return by_error_handler(400, rows)


def bad_request(content: str) -> ApiFault:
    return by_error_handler(400, {"message": f"BadRequest: {content}", "content": content})


def not_found() -> ApiFault:
    return by_error_handler(404, {"message": "NotFound"})


def message(status: int, text: str) -> ApiFault:
    """An exception of the app: its message and its .NET text, which no user should ever be shown."""
    description = (
        f"System.Exception: {text}\n   at NzbDrone.Core.Simulated() in ./src/NzbDrone.Core/Simulated.cs:line 42"
    )
    return by_error_handler(status, {"message": text, "description": description})


def missing_row(kind: str, row_id: int) -> ApiFault:
    return message(404, f"{kind} with ID {row_id} does not exist")


def empty(status: int) -> ApiFault:
    return ApiFault(Reply(status))
