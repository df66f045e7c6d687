"""Server-sent events, and the events of an execution."""

import base64
import json
from typing import Any, cast

from .errors import error_of
from .types import Event, EventOutputFile, OutputFile


class SseDecoder:
    """Decoder for server-sent events. It takes one line at a time."""

    def __init__(self) -> None:
        self._data: list[str] = []

    def line(self, line: str) -> Any | None:
        """Takes a line, without its end. Returns the JSON of an event that is complete with it."""
        if line.startswith("data:"):
            self._data.append(line[5:].removeprefix(" "))
        if line or not self._data:
            return None
        data, self._data = "\n".join(self._data), []
        return json.loads(data)


def checked(event: Any) -> Event:
    """Returns an event of an execution.

    Raises:
        ResponseError: The event is an error.
    """
    if event.get("type") == "error":
        raise error_of(event, 0)
    return cast(Event, event)


def is_last(event: Event) -> bool:
    """Returns whether no event follows."""
    return event["type"] == "finished"


def file_bytes(file: OutputFile | EventOutputFile) -> bytes:
    """Returns the content of an output file. If `truncated` is true, it is only the beginning of the file."""
    encoded = file.get("content_base64")
    return file.get("content", "").encode() if encoded is None else base64.b64decode(encoded)


