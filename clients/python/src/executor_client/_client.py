"""Client without asyncio. Generated from _async_client.py by generate_sync.py; do not edit."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, Unpack, cast

import httpx

from . import _calls, _events
from ._session import Session
from ._calls import Call, Retries
from .errors import ConnectionFailed, error_of
from .types import (
    Accepted,
    Answer,
    Event,
    ExecuteRequest,
    Formatted,
    FormatRequest,
    Language,
    Submission,
    SubmissionRequest,
)


class Executor:
    """Client of an Executor server.

    Args:
        url: URL of the server, such as `https://executor.example.org`.
        api_key: API key, if the server wants one.
        retries: How often a request is repeated that the server was too busy for.
        max_retry_delay: Longest time to wait for a retry in seconds; if the server asks for more, the request fails.
        timeout: Longest time without a sign of life from the server, in seconds.
        http: Client to use for requests, such as one with a proxy or with other certificate authorities. Sessions do not
            use it.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        retries: int = 2,
        max_retry_delay: float = 30.0,
        timeout: float = _calls.TIMEOUT_S,
        http: httpx.Client | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._headers = _calls.headers_of(api_key)
        self._retries = Retries(retries, max_retry_delay)
        self._http = http or httpx.Client(timeout=httpx.Timeout(timeout, connect=_calls.CONNECT_TIMEOUT_S))
        self.submissions = Submissions(self)

    def execute(self, *, idempotency_key: str | None = None, **request: Unpack[ExecuteRequest]) -> Answer:
        """Executes a program and returns its result, whatever the program did.

        `idempotency_key`, which you choose for the request, makes the call safe to repeat on a server with submissions:
        the program runs once, and each call gets its result.
        """
        return cast(Answer, self._json(_calls.execute(request, idempotency_key)))

    def stream(self, **request: Unpack[ExecuteRequest]) -> Iterator[Event]:
        """Executes a program and yields its events while it runs. Ending the loop early cancels the execution."""
        with self._open(_calls.stream(request)) as response:
            decoder = _events.SseDecoder()
            for line in _lines(response):
                if (data := decoder.line(line)) is None:
                    continue
                event = _events.checked(data)
                yield event
                if _events.is_last(event):
                    return
        raise ConnectionFailed("the connection ended before the execution did")

    def session(self) -> Session:
        """Opens a session: programs run in it one after another, and get input while they run."""
        return Session.open(_calls.session_url(self._url), self._headers)

    def format(self, **request: Unpack[FormatRequest]) -> Formatted:
        """Formats source code. An `InvalidRequest` with the code `not_formatted` has the message of the formatter."""
        return cast(Formatted, self._json(_calls.format(request)))

    def languages(self) -> list[Language]:
        """Returns the languages of the server, with their options, limits and an example."""
        return cast(list[Language], self._json(Call("GET", _calls.LANGUAGES)))

    def is_ready(self) -> bool:
        """Returns whether the server can execute programs at the moment."""
        try:
            response = self._http.get(self._url + _calls.READY)
            return response.is_success
        except httpx.TransportError:
            return False

    def description(self) -> dict[str, Any]:
        """Returns the server's OpenAPI description."""
        return cast(dict[str, Any], self._json(Call("GET", _calls.DESCRIPTION)))

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _json(self, call: Call) -> Any:
        with self._open(call) as response:
            try:
                response.read()
            except httpx.TransportError as error:
                raise ConnectionFailed(f"the connection was lost: {error}") from error
            return response.json()

    @contextmanager
    def _open(self, call: Call) -> Iterator[httpx.Response]:
        """Sends a request, with retries, and returns the response before its body was read."""
        response = self._send(call)
        try:
            yield response
        finally:
            response.close()

    def _send(self, call: Call) -> httpx.Response:
        attempt = 0
        while True:
            failure: Exception
            try:
                response = self._http.send(self._request(call), stream=True)
                if response.is_success:
                    return response
                failure = _failure(response)
            except httpx.TransportError as error:
                failure = ConnectionFailed(f"{call.method} {self._url}{call.path}: {error}")
            delay = self._retries.delay(failure, attempt, call.idempotent)
            if delay is None:
                raise failure
            time.sleep(delay)
            attempt += 1

    def _request(self, call: Call) -> httpx.Request:
        headers = {"accept": "application/json", **self._headers, **call.headers}
        return self._http.build_request(
            call.method, self._url + call.path, json=call.json, params=call.params or None, headers=headers
        )


class Submissions:
    """Programs that the server stores and runs later, if its administrator enabled that."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def create(self, *, id: str | None = None, **request: Unpack[SubmissionRequest]) -> Accepted:
        """Stores a program.

        With `id`, a UUID that you choose, the call can be repeated without another effect, also after an error that leaves
        open whether the server received it.
        """
        return cast(Accepted, self._executor._json(_calls.submit(request, id)))

    def create_batch(self, requests: Sequence[SubmissionRequest]) -> list[Accepted]:
        """Stores up to 100 programs: all of them or none."""
        call = Call("POST", _calls.SUBMISSIONS, {"submissions": list(requests)}, idempotent=False)
        answer = self._executor._json(call)
        return cast(list[Accepted], answer["submissions"])

    def get(self, token: str, *, wait: int | None = None) -> Submission:
        """Returns a submission as it is now or, with `wait`, when it has ended, or after `wait` seconds (at most 60)."""
        return cast(Submission, self._executor._json(_calls.submission(token, wait)))

    def wait(self, token: str) -> Submission:
        """Waits until a submission has ended, however long that takes."""
        while True:
            submission = self.get(token, wait=_calls.WAIT_S)
            if submission["status"] in _calls.FINAL:
                return submission

    def watch(self, token: str) -> Iterator[Submission]:
        """Yields a submission each time that its state changes, up to its final state."""
        with self._executor._open(_calls.watch(token)) as response:
            decoder = _events.SseDecoder()
            for line in _lines(response):
                if (data := decoder.line(line)) is None:
                    continue
                yield cast(Submission, data)
                if data["status"] in _calls.FINAL:
                    return
        raise ConnectionFailed("the connection ended before the submission did")

    def list(self, *, limit: int | None = None, before: str | None = None) -> "list[Submission]":
        """Returns the submissions of the API key without their results, the newest first."""
        answer = self._executor._json(_calls.submissions(limit, before))
        return cast("list[Submission]", answer["submissions"])

    def cancel(self, token: str) -> Submission:
        """Cancels a submission and kills its program. Of a submission that has ended, deletes the result."""
        return cast(Submission, self._executor._json(_calls.cancel(token)))


def _lines(response: httpx.Response) -> Iterator[str]:
    try:
        for line in response.iter_lines():
            yield line
    except httpx.TransportError as error:
        raise ConnectionFailed(f"the connection was lost: {error}") from error


def _failure(response: httpx.Response) -> Exception:
    """Returns the error of a response, whose body is read and whose connection is given back."""
    try:
        response.read()
        body: object = response.json()
    except (httpx.TransportError, ValueError):
        body = None
    finally:
        response.close()
    return error_of(body, response.status_code)
