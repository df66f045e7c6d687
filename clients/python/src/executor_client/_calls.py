"""What both clients send, and when they repeat it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from .errors import ResponseError
from .types import ExecuteRequest, FormatRequest, SubmissionRequest

EXECUTE = "/api/execute"
FORMAT = "/api/format"
SESSION = "/api/session"
LANGUAGES = "/api/languages"
SUBMISSIONS = "/api/submissions"
READY = "/readyz"
DESCRIPTION = "/openapi.json"

# States of a submission that do not change any more.
FINAL = ("finished", "failed", "cancelled", "expired")
# Seconds of one request that waits for a submission. The server allows 60, proxies often no more.
WAIT_S = 30
# Seconds of a request: executions may wait in a queue and then run for minutes.
TIMEOUT_S = 600.0
CONNECT_TIMEOUT_S = 10.0
# Delay before a retry that the server named no time for. It doubles with each retry.
FIRST_DELAY_S = 0.5


@dataclass(frozen=True)
class Call:
    """A request to the API."""

    method: str
    path: str
    json: Any = None
    params: Mapping[str, str | int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    # Whether it may be repeated after the connection broke, because it has no further effect then.
    idempotent: bool = True


@dataclass(frozen=True)
class Retries:
    """How often a request is repeated, and how long to wait for that at most, in seconds."""

    count: int
    max_delay: float

    def delay(self, failure: Exception, attempt: int, idempotent: bool) -> float | None:
        """Returns the seconds to wait before a retry; None if the request must not or need not be repeated."""
        if attempt >= self.count:
            return None
        backoff = FIRST_DELAY_S * 2**attempt
        if not isinstance(failure, ResponseError):
            return backoff if idempotent else None
        # The server executes nothing of a request that it answers with 429 or 503.
        if failure.status not in (429, 503):
            return None
        delay = backoff if failure.retry_after is None else float(failure.retry_after)
        return delay if delay <= self.max_delay else None


def headers_of(api_key: str | None) -> dict[str, str]:
    """Returns the headers of every request."""
    return {"authorization": f"Bearer {api_key}"} if api_key else {}


def session_url(url: str) -> str:
    """Returns the URL of sessions."""
    parts = urlsplit(url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + SESSION, "", ""))


def execute(request: ExecuteRequest, idempotency_key: str | None) -> Call:
    if idempotency_key is None:
        return Call("POST", EXECUTE, request, idempotent=False)
    return Call("POST", EXECUTE, request, headers={"idempotency-key": idempotency_key})


def stream(request: ExecuteRequest) -> Call:
    return Call("POST", EXECUTE, request, headers={"accept": "text/event-stream"}, idempotent=False)


def format(request: FormatRequest) -> Call:
    return Call("POST", FORMAT, request)


def submit(request: SubmissionRequest, id: str | None) -> Call:
    if id is None:
        return Call("POST", SUBMISSIONS, request, idempotent=False)
    return Call("PUT", submission_path(id), request)


def submission(token: str, wait: int | None) -> Call:
    return Call("GET", submission_path(token), params={} if wait is None else {"wait": wait})


def watch(token: str) -> Call:
    return Call("GET", submission_path(token), headers={"accept": "text/event-stream"})


def submissions(limit: int | None, before: str | None) -> Call:
    pairs: dict[str, str | int | None] = {"limit": limit, "before": before}
    return Call("GET", SUBMISSIONS, params={name: value for name, value in pairs.items() if value is not None})


def cancel(token: str) -> Call:
    return Call("DELETE", submission_path(token))


def submission_path(token: str) -> str:
    return f"{SUBMISSIONS}/{quote(token, safe='')}"
