"""Messages of a session."""

import json
from typing import Literal

from websockets.exceptions import InvalidStatus

from .errors import ExecutorError, error_of
from .types import ExecuteRequest, SessionFrame

# Signals that a program can be sent.
Signal = Literal["INT", "TERM", "QUIT", "HUP", "KILL", "USR1", "USR2"]
# Columns and rows.
TerminalSize = tuple[int, int]
# Bytes of a message: the largest event is an output file of 8 MiB, which is longer as base64.
MAX_MESSAGE = 17 * 1024 * 1024
# Seconds for the handshake.
OPEN_TIMEOUT_S = 10.0


def start(request: ExecuteRequest, terminal: TerminalSize | None) -> str:
    """Returns the message that starts a program."""
    size = {} if terminal is None else {"tty": True, "columns": terminal[0], "rows": terminal[1]}
    return json.dumps({"type": "start", **request, **size})


def stdin(data: str | bytes) -> str | bytes:
    """Returns the message with input; bytes are a binary message."""
    return data if isinstance(data, bytes) else frame({"type": "stdin", "data": data})


def frame(message: SessionFrame) -> str:
    """Returns a message."""
    return json.dumps(message)


def refused(error: InvalidStatus) -> ExecutorError:
    """Returns the error of a response to the handshake."""
    try:
        body: object = json.loads(error.response.body or b"")
    except ValueError:
        body = None
    return error_of(body, error.response.status_code)
