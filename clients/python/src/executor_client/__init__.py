"""Client of Executor, which runs untrusted programs in sandboxes. See README.md."""

from ._async_client import AsyncExecutor, AsyncSubmissions
from ._async_session import AsyncExecution, AsyncSession
from ._client import Executor, Submissions
from ._events import file_bytes
from ._session import Execution, Session
from .errors import (
    Busy,
    Conflict,
    ConnectionFailed,
    ExecutorError,
    InvalidRequest,
    NotFound,
    ResponseError,
    ServerFailed,
    Unauthorized,
)

__all__ = [
    "AsyncExecution",
    "AsyncExecutor",
    "AsyncSession",
    "AsyncSubmissions",
    "Busy",
    "Conflict",
    "ConnectionFailed",
    "Execution",
    "Executor",
    "ExecutorError",
    "InvalidRequest",
    "NotFound",
    "ResponseError",
    "ServerFailed",
    "Session",
    "Submissions",
    "Unauthorized",
    "file_bytes",
]
