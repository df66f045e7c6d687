"""Types of the API's messages.

Generated from the server's OpenAPI description by generate_types.py; do not edit.
"""

from typing import Literal, NotRequired, TypedDict


class File(TypedDict):
    name: NotRequired[str]
    content: str
    encoding: NotRequired[Literal["utf8", "base64"]]


class LimitsRequest(TypedDict):
    cpu_ms: NotRequired[int]
    wall_ms: NotRequired[int]
    memory_bytes: NotRequired[int]
    processes: NotRequired[int]
    output_bytes: NotRequired[int]
    file_size_bytes: NotRequired[int]
    disk_bytes: NotRequired[int]
    files: NotRequired[int]
    open_files: NotRequired[int]
    stack_bytes: NotRequired[int]
    address_space_bytes: NotRequired[int]
    output_files: NotRequired[int]
    output_file_bytes: NotRequired[int]
    output_files_bytes: NotRequired[int]
    input_idle_ms: NotRequired[int]


class RunRequest(TypedDict):
    stdin: NotRequired[str]
    stdin_encoding: NotRequired[Literal["utf8", "base64"]]
    args: NotRequired[list[str]]
    environment: NotRequired[dict[str, str]]
    expected_stdout: NotRequired[str]
    expected_stdout_encoding: NotRequired[Literal["utf8", "base64"]]
    compare: NotRequired[Literal["exact", "lines", "tokens"] | dict[str, float]]


class JudgeProgram(TypedDict):
    language: str
    code: NotRequired[str]
    filename: NotRequired[str]
    files: NotRequired[list[File]]
    limits: NotRequired[LimitsRequest]


class ExecuteRequest(TypedDict):
    language: NotRequired[str]
    code: NotRequired[str]
    filename: NotRequired[str]
    files: NotRequired[list[File]]
    stdin: NotRequired[str]
    stdin_encoding: NotRequired[Literal["utf8", "base64"]]
    args: NotRequired[list[str]]
    limits: NotRequired[LimitsRequest]
    compile_limits: NotRequired[LimitsRequest]
    runs: NotRequired[list[RunRequest]]
    merge_output: NotRequired[bool]
    parallel: NotRequired[int]
    keep: NotRequired[str]
    build: NotRequired[str]
    encoding: NotRequired[Literal["utf8", "base64"]]
    outputs: NotRequired[list[str]]
    artifacts: NotRequired[bool]
    compact: NotRequired[bool]
    version: NotRequired[str]
    packages: NotRequired[str]
    options: NotRequired[dict[str, bool | str | list[str]]]
    environment: NotRequired[dict[str, str]]
    expected_stdout: NotRequired[str]
    expected_stdout_encoding: NotRequired[Literal["utf8", "base64"]]
    compare: NotRequired[Literal["exact", "lines", "tokens"] | dict[str, float]]
    checker: NotRequired[JudgeProgram]
    interactor: NotRequired[JudgeProgram]
    transcript: NotRequired[bool]
    stop_on: NotRequired[Literal["first_failure"]]


class OutputFile(TypedDict):
    name: str
    size: int
    content: NotRequired[str]
    content_base64: NotRequired[str]
    truncated: bool


class OmittedFiles(TypedDict):
    too_many: int
    too_large: int
    not_regular: int
    invalid_name: int
    unreadable: int
    incomplete: bool


class Cause(TypedDict):
    limit: Literal["cpu_time", "wall_time", "memory", "output", "input_idle"]
    allowed: float
    used: float
    unit: Literal["ms", "bytes"]
    message: str


class Usage(TypedDict):
    wall_ms: float
    cpu_ms: float
    user_cpu_ms: float
    system_cpu_ms: float
    memory_bytes: int
    peak_processes: int | None
    stdout_bytes: int
    stderr_bytes: int


class Limits(TypedDict):
    cpu_ms: int
    wall_ms: int
    memory_bytes: int
    processes: int
    output_bytes: int
    file_size_bytes: int
    disk_bytes: int
    files: int
    open_files: int
    stack_bytes: int
    address_space_bytes: int
    output_files: int
    output_file_bytes: int
    output_files_bytes: int
    input_idle_ms: int


class Difference(TypedDict):
    line: int
    column: int
    expected: str | None
    actual: str | None


TranscriptEntry = TypedDict("TranscriptEntry", {"from": Literal["solution", "interactor"], "data": str})


class Stage(TypedDict):
    output: str
    stdout: str
    stderr: str
    output_base64: NotRequired[str]
    stdout_base64: NotRequired[str]
    stderr_base64: NotRequired[str]
    output_files: NotRequired[list[OutputFile]]
    output_files_omitted: NotRequired[OmittedFiles]
    status: Literal["ok", "nonzero", "signal", "timeout", "memory", "output_limit", "cancelled", "skipped"]
    exit_code: int | None
    signal: int | None
    signal_name: str | None
    truncated: bool
    cause: Cause | None
    usage: Usage
    start: Literal["warm", "cold", "cached", None]
    hint: NotRequired[str]
    start_ms: float
    verdict: NotRequired[Literal["accepted", "wrong_answer", "presentation_error", "partially_correct", "time_limit_exceeded", "memory_limit_exceeded", "output_limit_exceeded", "runtime_error", "compile_error", "judge_error", "skipped"]]
    verdict_message: NotRequired[str]
    difference: NotRequired[Difference]
    transcript: NotRequired[list[TranscriptEntry]]
    transcript_truncated: NotRequired[bool]


class Summary(TypedDict):
    counts: dict[str, int]
    first_failed: int | None


class Answer(TypedDict):
    id: str
    output: str
    stdout: str
    stderr: str
    output_base64: NotRequired[str]
    stdout_base64: NotRequired[str]
    stderr_base64: NotRequired[str]
    output_files: NotRequired[list[OutputFile]]
    output_files_omitted: NotRequired[OmittedFiles]
    status: Literal["ok", "nonzero", "signal", "timeout", "memory", "output_limit", "cancelled", "compile_error", "skipped"]
    exit_code: int | None
    signal: int | None
    signal_name: str | None
    truncated: bool
    cause: Cause | None
    usage: Usage
    start: Literal["warm", "cold", "cached", None]
    hint: NotRequired[str]
    start_ms: float
    limits: Limits | None
    compile_limits: Limits | None
    queue_ms: float
    compile: Stage | None
    runs: list[Stage]
    verdict: NotRequired[Literal["accepted", "wrong_answer", "presentation_error", "partially_correct", "time_limit_exceeded", "memory_limit_exceeded", "output_limit_exceeded", "runtime_error", "compile_error", "judge_error", "skipped"]]
    verdict_message: NotRequired[str]
    difference: NotRequired[Difference]
    transcript: NotRequired[list[TranscriptEntry]]
    transcript_truncated: NotRequired[bool]
    summary: NotRequired[Summary]
    build: NotRequired[str]


class CompactStage(TypedDict):
    stdout: NotRequired[str]
    stderr: NotRequired[str]
    stdout_base64: NotRequired[str]
    stderr_base64: NotRequired[str]
    output_files: NotRequired[list[OutputFile]]
    output_files_omitted: NotRequired[OmittedFiles]
    status: Literal["ok", "nonzero", "signal", "timeout", "memory", "output_limit", "cancelled", "skipped"]
    exit_code: int | None
    signal: int | None
    signal_name: str | None
    truncated: bool
    cause: Cause | None
    usage: Usage
    start: Literal["warm", "cold", "cached", None]
    hint: NotRequired[str]
    start_ms: float
    verdict: NotRequired[Literal["accepted", "wrong_answer", "presentation_error", "partially_correct", "time_limit_exceeded", "memory_limit_exceeded", "output_limit_exceeded", "runtime_error", "compile_error", "judge_error", "skipped"]]
    verdict_message: NotRequired[str]
    difference: NotRequired[Difference]
    transcript: NotRequired[list[TranscriptEntry]]
    transcript_truncated: NotRequired[bool]


class CompactAnswer(TypedDict):
    id: str
    status: Literal["ok", "nonzero", "signal", "timeout", "memory", "output_limit", "cancelled", "compile_error", "skipped"]
    exit_code: int | None
    signal: int | None
    signal_name: str | None
    truncated: bool
    cause: Cause | None
    usage: Usage
    start: Literal["warm", "cold", "cached", None]
    hint: NotRequired[str]
    start_ms: float
    limits: Limits | None
    compile_limits: Limits | None
    queue_ms: float
    compile: CompactStage | None
    runs: list[CompactStage]
    verdict: NotRequired[Literal["accepted", "wrong_answer", "presentation_error", "partially_correct", "time_limit_exceeded", "memory_limit_exceeded", "output_limit_exceeded", "runtime_error", "compile_error", "judge_error", "skipped"]]
    verdict_message: NotRequired[str]
    difference: NotRequired[Difference]
    transcript: NotRequired[list[TranscriptEntry]]
    transcript_truncated: NotRequired[bool]
    summary: NotRequired[Summary]
    build: NotRequired[str]


class EventQueued(TypedDict):
    type: Literal["queued"]
    position: int


class EventStarted(TypedDict):
    type: Literal["started"]
    id: str
    limits: Limits
    compile_limits: Limits | None


class EventStage(TypedDict):
    type: Literal["stage"]
    stage: Literal["compile", "run"]
    run: NotRequired[int]


class EventOutput(TypedDict):
    type: Literal["output"]
    stage: Literal["compile", "run"]
    run: NotRequired[int]
    stream: Literal["stdout", "stderr"]
    data: str


class EventOutputFile(TypedDict):
    type: Literal["output_file"]
    stage: Literal["compile", "run"]
    run: NotRequired[int]
    name: str
    size: int
    content: NotRequired[str]
    content_base64: NotRequired[str]
    truncated: bool


class EventWaitingForInput(TypedDict):
    type: Literal["waiting_for_input"]
    stage: Literal["compile", "run"]
    run: NotRequired[int]


class EventStageFinished(TypedDict):
    type: Literal["stage_finished"]
    stage: Literal["compile", "run"]
    run: NotRequired[int]
    output_files_omitted: NotRequired[OmittedFiles]
    status: Literal["ok", "nonzero", "signal", "timeout", "memory", "output_limit", "cancelled", "skipped"]
    exit_code: int | None
    signal: int | None
    signal_name: str | None
    truncated: bool
    cause: Cause | None
    usage: Usage
    start: Literal["warm", "cold", "cached", None]
    hint: NotRequired[str]
    start_ms: float
    verdict: NotRequired[Literal["accepted", "wrong_answer", "presentation_error", "partially_correct", "time_limit_exceeded", "memory_limit_exceeded", "output_limit_exceeded", "runtime_error", "compile_error", "judge_error", "skipped"]]
    verdict_message: NotRequired[str]
    difference: NotRequired[Difference]
    transcript: NotRequired[list[TranscriptEntry]]
    transcript_truncated: NotRequired[bool]


class Verdict(TypedDict):
    status: Literal["ok", "nonzero", "signal", "timeout", "memory", "output_limit", "cancelled", "skipped"]
    exit_code: int | None
    signal: int | None
    signal_name: str | None
    truncated: bool
    cause: Cause | None
    usage: Usage
    start: Literal["warm", "cold", "cached", None]
    hint: NotRequired[str]
    start_ms: float
    verdict: NotRequired[Literal["accepted", "wrong_answer", "presentation_error", "partially_correct", "time_limit_exceeded", "memory_limit_exceeded", "output_limit_exceeded", "runtime_error", "compile_error", "judge_error", "skipped"]]
    verdict_message: NotRequired[str]
    difference: NotRequired[Difference]
    transcript: NotRequired[list[TranscriptEntry]]
    transcript_truncated: NotRequired[bool]


class EventFinished(TypedDict):
    type: Literal["finished"]
    id: str
    status: Literal["ok", "nonzero", "signal", "timeout", "memory", "output_limit", "cancelled", "compile_error", "skipped"]
    exit_code: int | None
    signal: int | None
    signal_name: str | None
    truncated: bool
    cause: Cause | None
    usage: Usage
    start: Literal["warm", "cold", "cached", None]
    hint: NotRequired[str]
    start_ms: float
    limits: Limits | None
    compile_limits: Limits | None
    queue_ms: float
    compile: Verdict | None
    runs: list[Verdict]
    verdict: NotRequired[Literal["accepted", "wrong_answer", "presentation_error", "partially_correct", "time_limit_exceeded", "memory_limit_exceeded", "output_limit_exceeded", "runtime_error", "compile_error", "judge_error", "skipped"]]
    verdict_message: NotRequired[str]
    difference: NotRequired[Difference]
    transcript: NotRequired[list[TranscriptEntry]]
    transcript_truncated: NotRequired[bool]
    summary: NotRequired[Summary]
    build: NotRequired[str]


ErrorCode = Literal["invalid_json", "invalid_request", "unsupported_language", "language_unavailable", "not_found", "method_not_allowed", "request_timeout", "too_large", "unsupported_media_type", "wrong_host", "busy", "overloaded", "unavailable", "forbidden", "forbidden_origin", "upgrade_required", "failed", "unauthorized", "language_forbidden", "rate_limited", "quota_exceeded", "conflict", "not_formatted"]


class EventError(TypedDict):
    type: Literal["error"]
    error: str
    code: ErrorCode
    id: NotRequired[str]
    retry_after: NotRequired[int]
    requested: NotRequired[str]
    available: NotRequired[list[str]]


Event = EventQueued | EventStarted | EventStage | EventOutput | EventOutputFile | EventWaitingForInput | EventStageFinished | EventFinished | EventError


class SessionStart(TypedDict):
    type: Literal["start"]
    language: NotRequired[str]
    code: NotRequired[str]
    filename: NotRequired[str]
    files: NotRequired[list[File]]
    stdin: NotRequired[str]
    stdin_encoding: NotRequired[Literal["utf8", "base64"]]
    args: NotRequired[list[str]]
    limits: NotRequired[LimitsRequest]
    compile_limits: NotRequired[LimitsRequest]
    runs: NotRequired[list[RunRequest]]
    merge_output: NotRequired[bool]
    parallel: NotRequired[int]
    keep: NotRequired[str]
    build: NotRequired[str]
    encoding: NotRequired[Literal["utf8", "base64"]]
    outputs: NotRequired[list[str]]
    artifacts: NotRequired[bool]
    compact: NotRequired[bool]
    tty: NotRequired[bool]
    columns: NotRequired[int]
    rows: NotRequired[int]
    version: NotRequired[str]
    packages: NotRequired[str]
    options: NotRequired[dict[str, bool | str | list[str]]]
    environment: NotRequired[dict[str, str]]
    expected_stdout: NotRequired[str]
    expected_stdout_encoding: NotRequired[Literal["utf8", "base64"]]
    compare: NotRequired[Literal["exact", "lines", "tokens"] | dict[str, float]]
    checker: NotRequired[JudgeProgram]
    interactor: NotRequired[JudgeProgram]
    transcript: NotRequired[bool]
    stop_on: NotRequired[Literal["first_failure"]]


class SessionStdin(TypedDict):
    type: Literal["stdin"]
    data: str
    encoding: NotRequired[Literal["utf8", "base64"]]


class SessionEndOfInput(TypedDict):
    type: Literal["end_of_input"]


class SessionSignal(TypedDict):
    type: Literal["signal"]
    signal: Literal["INT", "TERM", "QUIT", "HUP", "KILL", "USR1", "USR2"]


class SessionResize(TypedDict):
    type: Literal["resize"]
    columns: int
    rows: int


class SessionCancel(TypedDict):
    type: Literal["cancel"]


SessionFrame = SessionStart | SessionStdin | SessionEndOfInput | SessionSignal | SessionResize | SessionCancel


class Editor(TypedDict):
    mode: str
    line_comment: str
    indent: int


class OptionChoice(TypedDict):
    name: str
    available: bool
    reason: NotRequired[str]


class LanguageOption(TypedDict):
    name: str
    title: str
    help: str
    type: Literal["flag", "choice", "set"]
    default: bool | str | list[str]
    values: list[OptionChoice]
    available: bool
    reason: NotRequired[str]


class Package(TypedDict):
    name: str
    version: str | None


class PackageSet(TypedDict):
    name: str
    default: bool
    packages: list[Package]


class LanguageVersion(TypedDict):
    packages: list[PackageSet]
    version: str
    title: str
    default: bool


class Language(TypedDict):
    name: str
    title: str
    aliases: list[str]
    extensions: list[str]
    file_name: str
    available: bool
    version: NotRequired[str]
    reason: NotRequired[str]
    limits: Limits
    compile_limits: Limits | None
    editor: Editor
    example: str
    options: list[LanguageOption]
    formatter: NotRequired[str]
    versions: list[LanguageVersion]
    packages: list[PackageSet]


class FormatRequest(TypedDict):
    language: str
    code: str
    filename: NotRequired[str]


class Formatted(TypedDict):
    code: str


class Token(TypedDict):
    token: str
    protocols: list[str]
    expires_in: int


class SubmissionRequest(TypedDict):
    language: NotRequired[str]
    code: NotRequired[str]
    filename: NotRequired[str]
    files: NotRequired[list[File]]
    stdin: NotRequired[str]
    stdin_encoding: NotRequired[Literal["utf8", "base64"]]
    args: NotRequired[list[str]]
    limits: NotRequired[LimitsRequest]
    compile_limits: NotRequired[LimitsRequest]
    runs: NotRequired[list[RunRequest]]
    merge_output: NotRequired[bool]
    parallel: NotRequired[int]
    keep: NotRequired[str]
    build: NotRequired[str]
    encoding: NotRequired[Literal["utf8", "base64"]]
    outputs: NotRequired[list[str]]
    artifacts: NotRequired[bool]
    compact: NotRequired[bool]
    version: NotRequired[str]
    packages: NotRequired[str]
    options: NotRequired[dict[str, bool | str | list[str]]]
    environment: NotRequired[dict[str, str]]
    expected_stdout: NotRequired[str]
    expected_stdout_encoding: NotRequired[Literal["utf8", "base64"]]
    compare: NotRequired[Literal["exact", "lines", "tokens"] | dict[str, float]]
    checker: NotRequired[JudgeProgram]
    interactor: NotRequired[JudgeProgram]
    transcript: NotRequired[bool]
    stop_on: NotRequired[Literal["first_failure"]]
    callback_url: NotRequired[str]


SubmissionState = Literal["queued", "running", "finished", "failed", "cancelled", "expired"]


class Error(TypedDict):
    error: str
    code: ErrorCode
    id: NotRequired[str]
    retry_after: NotRequired[int]
    requested: NotRequired[str]
    available: NotRequired[list[str]]


class Submission(TypedDict):
    token: str
    status: SubmissionState
    created_ms: int
    started_ms: int | None
    finished_ms: int | None
    result: NotRequired[Answer]
    error: NotRequired[Error]


class Accepted(TypedDict):
    token: str
    status: SubmissionState

