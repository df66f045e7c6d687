"""Failures of a request. What the program itself does is a result and never an error."""

from .types import Error


class ExecutorError(Exception):
    """Any failure of a request."""


class ConnectionFailed(ExecutorError):
    """The server cannot be reached, or the connection ended before the execution did, which is cancelled then."""


class ResponseError(ExecutorError):
    """The server refused the request, or could not execute it.

    The attributes have the names of the fields of the server's error response. `status` is the HTTP status, or 0 if the
    error ended a live execution.
    """

    def __init__(self, body: Error, status: int) -> None:
        super().__init__(body["error"])
        self.body = body
        self.status = status
        self.error: str = body["error"]
        self.code: str = body["code"]
        self.id = body.get("id")
        self.retry_after = body.get("retry_after")
        self.requested = body.get("requested")
        self.available = body.get("available")


class InvalidRequest(ResponseError):
    """The request is not valid; the message names the field."""


class Unauthorized(ResponseError):
    """The server wants an API key, or does not allow this one to do that."""


class NotFound(ResponseError):
    """There is no such resource: for example, a kept program has expired."""


class Conflict(ResponseError):
    """Another request with this id or this idempotency key has another body."""


class Busy(ResponseError):
    """The server is busy, or the API key has reached a limit; a retry after `retry_after` seconds may succeed."""


class ServerFailed(ResponseError):
    """The server could not execute the request; `id` finds the causes in its log."""


_CLASSES: dict[str, type[ResponseError]] = {
    "unauthorized": Unauthorized,
    "language_forbidden": Unauthorized,
    "forbidden_origin": Unauthorized,
    "not_found": NotFound,
    "conflict": Conflict,
    "busy": Busy,
    "overloaded": Busy,
    "rate_limited": Busy,
    "quota_exceeded": Busy,
    "failed": ServerFailed,
    "unavailable": ServerFailed,
    "forbidden": ServerFailed,
}


def error_of(body: object, status: int) -> ResponseError:
    """Returns the error of a response. Errors of the server are JSON; those of a proxy may be anything."""
    if isinstance(body, dict) and isinstance(body.get("error"), str) and isinstance(body.get("code"), str):
        fallback = InvalidRequest if status < 500 else ServerFailed
        fields = Error(error=body["error"], code=body["code"])
        fields.update(body)  # type: ignore[typeddict-item]
        return _CLASSES.get(body["code"], fallback)(fields, status)
    fields = Error(error=f"the server returned {status}", code="unavailable" if status >= 500 else "invalid_request")
    return ServerFailed(fields, status)
