"""Tests without a server: what the clients send, what they repeat, and which errors they raise."""

import asyncio
import json
import re
import subprocess
import sys
import unittest

from pathlib import Path
from threading import Thread
from typing import Any
from unittest import mock

import httpx
from websockets.sync.server import Server, ServerConnection, serve

import executor_client
from executor_client import (
    AsyncExecutor,
    Busy,
    Conflict,
    ConnectionFailed,
    Executor,
    ExecutorError,
    InvalidRequest,
    ServerFailed,
    Unauthorized,
    file_bytes,
)
from executor_client.types import Event, OutputFile

PROJECT = Path(__file__).parent.parent
URL = "http://executor.example"


def error(status: int, code: str, **fields: Any) -> httpx.Response:
    return httpx.Response(status, json={"error": "what is wrong", "code": code, **fields})


def sse(*events: dict[str, Any], comment: str = "") -> httpx.Response:
    text = "".join(f"event: {event.get('type')}\r\ndata: {json.dumps(event)}\r\n\r\n" for event in events)
    return httpx.Response(200, text=comment + text, headers={"content-type": "text/event-stream"})


class Script:
    """Answers requests one after another, and records them."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, **options: Any) -> Executor:
        return Executor(URL, http=httpx.Client(transport=httpx.MockTransport(self)), **options)

    def async_client(self, **options: Any) -> AsyncExecutor:
        http = httpx.AsyncClient(transport=httpx.MockTransport(self))
        return AsyncExecutor(URL, http=http, **options)


class Requests(unittest.TestCase):
    def test_a_request_has_the_key_and_the_fields(self) -> None:
        script = Script(httpx.Response(200, json={"stdout": "42\n"}))
        answer = script.client(api_key="exk_secret").execute(language="python", code="print(42)", limits={"cpu_ms": 5})
        self.assertEqual(answer["stdout"], "42\n")
        [request] = script.requests
        self.assertEqual((request.method, str(request.url)), ("POST", f"{URL}/api/execute"))
        self.assertEqual(request.headers["authorization"], "Bearer exk_secret")
        self.assertEqual(json.loads(request.content), {"language": "python", "code": "print(42)", "limits": {"cpu_ms": 5}})

    def test_code_is_formatted_and_the_formatter_may_refuse(self) -> None:
        script = Script(httpx.Response(200, json={"code": "x = 1\n"}), error(422, "not_formatted"))
        client = script.client()
        self.assertEqual(client.format(language="python", code="x=1", filename="a.py")["code"], "x = 1\n")
        [request] = script.requests
        self.assertEqual((request.method, str(request.url)), ("POST", f"{URL}/api/format"))
        self.assertEqual(json.loads(request.content), {"language": "python", "code": "x=1", "filename": "a.py"})
        with self.assertRaises(InvalidRequest):
            client.format(language="python", code="x =")

    def test_submissions_have_their_own_paths(self) -> None:
        token = "0b1c"
        accepted = {"token": token, "status": "queued"}
        script = Script(
            httpx.Response(202, json=accepted),
            httpx.Response(202, json=accepted),
            httpx.Response(202, json={"submissions": [accepted]}),
            httpx.Response(200, json={"submissions": []}),
            httpx.Response(200, json={**accepted, "status": "running"}),
            httpx.Response(200, json={**accepted, "status": "finished"}),
            httpx.Response(200, json={**accepted, "status": "cancelled"}),
        )
        submissions = script.client().submissions
        submissions.create(language="c", code="")
        submissions.create(id=token, language="c", code="")
        self.assertEqual(submissions.create_batch([{"language": "c", "code": ""}]), [accepted])
        self.assertEqual(submissions.list(limit=5, before=token), [])
        self.assertEqual(submissions.wait(token)["status"], "finished")
        submissions.cancel("a/b")
        self.assertEqual(
            [f"{request.method} {request.url.raw_path.decode()}" for request in script.requests],
            [
                "POST /api/submissions",
                f"PUT /api/submissions/{token}",
                "POST /api/submissions",
                f"GET /api/submissions?limit=5&before={token}",
                f"GET /api/submissions/{token}?wait=30",
                f"GET /api/submissions/{token}?wait=30",
                "DELETE /api/submissions/a%2Fb",
            ],
        )

    def test_each_error_has_a_class_and_the_fields_of_the_server(self) -> None:
        for code, status, kind in [
            ("unsupported_language", 400, InvalidRequest),
            ("a_newer_code", 400, InvalidRequest),
            ("unauthorized", 401, Unauthorized),
            ("conflict", 409, Conflict),
            ("quota_exceeded", 429, Busy),
            ("failed", 500, ServerFailed),
            ("a_newer_code", 500, ServerFailed),
        ]:
            with self.subTest(code), self.assertRaises(kind) as raised:
                Script(error(status, code, retry_after=3600, available=["c"], id="7")).client().languages()
            failure = raised.exception
            self.assertEqual((failure.code, failure.status, str(failure)), (code, status, "what is wrong"))
            self.assertEqual((failure.retry_after, failure.available, failure.id), (3600, ["c"], "7"))
        with self.assertRaisesRegex(ServerFailed, "502"):
            Script(httpx.Response(502, text="<html>")).client().languages()


@mock.patch("time.sleep")
class Retries(unittest.TestCase):
    def test_a_busy_server_is_asked_again_after_the_time_that_it_names(self, sleep: mock.Mock) -> None:
        script = Script(error(429, "busy", retry_after=3), error(503, "unavailable"), httpx.Response(200, json={}))
        script.client().execute(language="c", code="")
        self.assertEqual([call.args for call in sleep.call_args_list], [(3.0,), (1.0,)])

    def test_it_is_not_asked_forever_or_after_too_long(self, sleep: mock.Mock) -> None:
        script = Script(*[error(429, "busy", retry_after=1) for _ in range(3)])
        with self.assertRaises(Busy):
            script.client().languages()
        self.assertEqual(len(script.requests), 3)
        script = Script(error(429, "quota_exceeded", retry_after=31))
        with self.assertRaises(Busy):
            script.client().languages()

    def test_after_a_broken_connection_only_what_has_no_second_effect_is_repeated(self, sleep: mock.Mock) -> None:
        broken = httpx.ConnectError("refused")
        with self.assertRaisesRegex(ConnectionFailed, "POST http://executor.example/api/execute: refused"):
            Script(broken).client().execute(language="c", code="")
        with self.assertRaises(ConnectionFailed):
            Script(broken).client().submissions.create(language="c", code="")
        script = Script(broken, httpx.Response(200, json={}))
        script.client().execute(language="c", code="", idempotency_key="k1")
        self.assertEqual(script.requests[1].headers["idempotency-key"], "k1")
        Script(broken, httpx.Response(202, json={})).client().submissions.create(id="7", language="c", code="")


class Streams(unittest.TestCase):
    STAGE = {"type": "stage", "stage": "run", "run": 0}

    def test_events_arrive_up_to_the_last_one(self) -> None:
        script = Script(sse(self.STAGE, {"type": "finished", "status": "ok"}, self.STAGE, comment=": ping\n\n"))
        events = list(script.client().stream(language="c", code=""))
        self.assertEqual([event["type"] for event in events], ["stage", "finished"])
        self.assertEqual(script.requests[0].headers["accept"], "text/event-stream")

    def test_an_error_and_an_early_end_are_raised(self) -> None:
        failed = {"type": "error", "error": "internal failure", "code": "failed", "id": "7"}
        with self.assertRaises(ServerFailed) as raised:
            list(Script(sse(self.STAGE, failed)).client().stream(language="c", code=""))
        self.assertEqual((raised.exception.id, raised.exception.status), ("7", 0))
        with self.assertRaises(ConnectionFailed):
            list(Script(sse(self.STAGE)).client().stream(language="c", code=""))

    def test_a_submission_is_watched_until_its_final_state(self) -> None:
        states = [{"token": "t", "status": status} for status in ("queued", "running", "finished")]
        watched = Script(sse(*states)).client().submissions.watch("t")
        self.assertEqual([submission["status"] for submission in watched], ["queued", "running", "finished"])

    def test_an_output_file_is_bytes(self) -> None:
        text = OutputFile(name="a", size=2, content="é", truncated=False)
        binary = OutputFile(name="a", size=1, content_base64="/w==", truncated=False)
        self.assertEqual((file_bytes(text), file_bytes(binary)), ("é".encode(), b"\xff"))


class Async(unittest.IsolatedAsyncioTestCase):
    async def test_the_asynchronous_client_does_the_same(self) -> None:
        stage = Streams.STAGE
        script = Script(
            error(429, "busy", retry_after=1),
            httpx.Response(200, json={"stdout": "42\n"}),
            sse(stage, {"type": "finished"}),
            sse({"token": "t", "status": "finished"}),
            error(400, "invalid_request"),
        )
        async with script.async_client() as executor:
            with mock.patch("asyncio.sleep") as sleep:
                answer = await executor.execute(language="c", code="")
            sleep.assert_awaited_once_with(1.0)
            self.assertEqual(answer["stdout"], "42\n")
            events: list[Event] = [event async for event in executor.stream(language="c", code="")]
            self.assertEqual([event["type"] for event in events], ["stage", "finished"])
            watched = [submission["status"] async for submission in executor.submissions.watch("t")]
            self.assertEqual(watched, ["finished"])
            with self.assertRaises(InvalidRequest):
                await executor.languages()

    async def test_both_clients_have_the_same_methods(self) -> None:
        def public(kind: type) -> set[str]:
            return {name for name in dir(kind) if not name.startswith("_")}

        for name in ("Executor", "Submissions", "Session", "Execution"):
            blocking, asynchronous = getattr(executor_client, name), getattr(executor_client, f"Async{name}")
            self.assertEqual(public(blocking), public(asynchronous), name)


class Sessions(unittest.TestCase):
    """A session with a server that echoes the input of each program."""

    server: Server
    url: str

    @staticmethod
    def echo(socket: ServerConnection) -> None:
        for message in socket:
            if isinstance(message, bytes):
                socket.send(json.dumps({"type": "output", "data": f"bytes {len(message)}"}))
                continue
            frame = json.loads(message)
            if frame["type"] == "start":
                socket.send(json.dumps({"type": "stage", "terminal": frame.get("columns")}))
            elif frame["type"] == "end_of_input":
                socket.send(json.dumps({"type": "finished", "status": "ok"}))
            elif frame["type"] == "cancel":
                socket.close()
            else:
                socket.send(json.dumps({"type": "output", "data": frame}))

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = serve(cls.echo, "127.0.0.1", 0)
        Thread(target=cls.server.serve_forever, daemon=True).start()
        cls.url = f"http://127.0.0.1:{cls.server.socket.getsockname()[1]}"

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.shutdown()

    def test_programs_run_one_after_another_and_get_input(self) -> None:
        with Executor(self.url) as executor, executor.session() as session:
            for _ in range(2):
                execution = session.start(language="c", code="", terminal=(80, 24))
                with self.assertRaisesRegex(ExecutorError, "one at a time"):
                    session.start(language="c", code="")
                execution.send_input("Ada\n")
                execution.send_input(b"\xff")
                execution.send_signal("INT")
                execution.resize(100, 30)
                execution.end_input()
                events: list[Any] = list(execution)
                self.assertEqual(events[0]["terminal"], 80)
                self.assertEqual(
                    [event.get("data") for event in events[1:-1]],
                    [
                        {"type": "stdin", "data": "Ada\n"},
                        "bytes 1",
                        {"type": "signal", "signal": "INT"},
                        {"type": "resize", "columns": 100, "rows": 30},
                    ],
                )
                self.assertEqual(events[-1]["status"], "ok")
            execution = session.start(language="c", code="")
            execution.cancel()
            with self.assertRaises(ConnectionFailed):
                execution.result()

    def test_a_session_of_asyncio_does_the_same(self) -> None:
        async def run() -> str:
            async with AsyncExecutor(self.url) as executor, await executor.session() as session:
                execution = await session.start(language="c", code="")
                await execution.send_input("x")
                await execution.end_input()
                return (await execution.result())["status"]

        self.assertEqual(asyncio.run(run()), "ok")

    def test_a_server_that_refuses_says_why(self) -> None:
        def refuse(connection: ServerConnection, request: Any) -> Any:
            response = connection.respond(401, json.dumps({"error": "no key", "code": "unauthorized"}))
            return response

        with serve(self.echo, "127.0.0.1", 0, process_request=refuse) as server:
            Thread(target=server.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
            with self.assertRaisesRegex(Unauthorized, "no key"):
                Executor(url).session()
            server.shutdown()


class Description(unittest.TestCase):
    """The library against the server's OpenAPI description, if this is a checkout of the whole project."""

    def test_the_types_are_up_to_date(self) -> None:
        subprocess.run([sys.executable, PROJECT / "generate_types.py", "--check"], check=True)

    def test_both_clients_do_the_same(self) -> None:
        subprocess.run([sys.executable, PROJECT / "generate_sync.py", "--check"], check=True)

    def test_the_api_has_each_path_that_is_used(self) -> None:
        description = json.loads((PROJECT / "../../webd/src/api/openapi.json").read_text())
        source = (PROJECT / "src/executor_client/_calls.py").read_text()
        used = set(re.findall(r'^[A-Z]+ = "(/[^"]*)"$', source, re.MULTILINE))
        self.assertEqual(len(used), 7)
        self.assertEqual(used - set(description["paths"]), set())
        self.assertIn("/api/submissions/{token}", description["paths"])


if __name__ == "__main__":
    unittest.main()
