"""Sessions for asyncio."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self, Unpack

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from . import _events, _frames
from ._frames import Signal, TerminalSize, refused
from .errors import ConnectionFailed, ExecutorError
from .types import Event, EventFinished, ExecuteRequest


class AsyncSession:
    """A WebSocket that carries executions one after another, and their input while they run."""

    def __init__(self, socket: ClientConnection, stack: AsyncExitStack) -> None:
        self._socket = socket
        self._stack = stack
        self._execution: AsyncExecution | None = None

    @classmethod
    async def open(cls, url: str, headers: dict[str, str]) -> Self:
        """Opens a session."""
        stack = AsyncExitStack()
        try:
            connection = connect(
                url,
                additional_headers=headers,
                max_size=_frames.MAX_MESSAGE,
                open_timeout=_frames.OPEN_TIMEOUT_S,
                user_agent_header=None,
            )
            socket = await stack.enter_async_context(connection)
        except InvalidStatus as error:
            raise refused(error) from error
        except (OSError, WebSocketException) as error:
            raise ConnectionFailed(f"cannot open a session: {error}") from error
        return cls(socket, stack)

    async def start(self, *, terminal: TerminalSize | None = None, **request: Unpack[ExecuteRequest]) -> "AsyncExecution":
        """Starts a program. Without `stdin` and `runs`, it reads what is sent while it runs.

        With `terminal`, columns and rows, the program has a terminal in place of pipes.
        """
        if self._execution is not None and not self._execution.has_ended:
            raise ExecutorError("an execution is running; a session runs one at a time")
        await self._send(_frames.start(request, terminal))
        self._execution = AsyncExecution(self)
        return self._execution

    async def close(self) -> None:
        """Closes the session, which cancels a running execution."""
        await self._stack.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _send(self, message: str | bytes) -> None:
        try:
            await self._socket.send(message)
        except ConnectionClosed as error:
            raise ConnectionFailed("the session is closed") from error

    async def _receive(self) -> Event:
        try:
            return _events.checked(json.loads(await self._socket.recv()))
        except ConnectionClosed as error:
            raise ConnectionFailed("the connection ended before the execution did") from error


class AsyncExecution:
    """A running program. Iterate over its events, which end with `finished`, or wait for `result()`.

    One task may read events while another one sends input.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self.has_ended = False

    async def __aiter__(self) -> AsyncIterator[Event]:
        while not self.has_ended:
            try:
                event = await self._session._receive()
            except ExecutorError:
                self.has_ended = True
                raise
            self.has_ended = _events.is_last(event)
            yield event

    async def result(self) -> EventFinished:
        """Waits for the end, and returns the last event. Other events are dropped."""
        async for event in self:
            if event["type"] == "finished":
                return event
        raise ExecutorError("the result was read before")

    async def send_input(self, data: str | bytes) -> None:
        """Sends input to the program."""
        await self._session._send(_frames.stdin(data))

    async def end_input(self) -> None:
        """Ends the input. In a terminal, this has the effect of Ctrl+D."""
        await self._session._send(_frames.frame({"type": "end_of_input"}))

    async def send_signal(self, signal: Signal) -> None:
        """Sends a signal to the program."""
        await self._session._send(_frames.frame({"type": "signal", "signal": signal}))

    async def resize(self, columns: int, rows: int) -> None:
        """Changes the size of the program's terminal."""
        await self._session._send(_frames.frame({"type": "resize", "columns": columns, "rows": rows}))

    async def cancel(self) -> None:
        """Cancels the execution. Its `finished` event still arrives."""
        await self._session._send(_frames.frame({"type": "cancel"}))
