"""The reference client of the Model Context Protocol from PyPI, unchanged.

`mcp_client.py http URL KEY` for webd, `mcp_client.py stdio EXECUTOR SOCKET` for the command line. The daemon must have one
slot: a program that was cancelled would otherwise not keep the next one waiting.
"""

import asyncio
import base64
import struct
import sys
import time

import httpx2
from checks import Checks
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

SINE = """
import math
import matplotlib
matplotlib.use("Agg")
from matplotlib import pyplot
x = [i / 50 for i in range(400)]
pyplot.plot(x, [math.sin(v) for v in x])
pyplot.savefig("sine.png", dpi=100)
print("done")
"""
LIMITS = {"cpu_ms": 60_000, "wall_ms": 120_000, "memory_bytes": 512 << 20}


def text(result: object) -> str:
    """Returns the first text of a result."""
    return next((block.text for block in result.content if block.type == "text"), "")


async def lists(client: Client, checks: Checks) -> None:
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    checks.equal("tools", sorted(tools), ["list_languages", "run_code", "run_tests"])
    checks.equal("schema", tools["run_code"].input_schema["required"], ["language"])
    languages = (await client.call_tool("list_languages", {})).structured_content["languages"]
    names = [language["name"] for language in languages]
    checks.equal("languages", [name in names for name in ("c", "python")], [True, True])
    c = (await client.call_tool("list_languages", {"language": "c"})).structured_content["languages"]
    checks.equal("options", any(option["name"] == "std" for option in c[0]["options"]), True)


async def runs(client: Client, checks: Checks) -> None:
    arguments = {"language": "python", "code": "import sys; print(input(), sys.argv[1])", "stdin": "hello\n", "args": ["1"]}
    hello = await client.call_tool("run_code", arguments)
    checks.equal("python", (hello.is_error, text(hello)), (False, "exit code 0\n--- stdout ---\nhello 1\n"))
    checks.equal("structured", hello.structured_content["stdout"], "hello 1\n")
    code = '#include <stdio.h>\nint main(void) { puts("hello"); return 3; }'
    hello = await client.call_tool("run_code", {"language": "c", "code": code})
    checks.equal("c", (hello.is_error, hello.structured_content["exit_code"]), (False, 3))
    checks.equal("stdout of c", hello.structured_content["stdout"], "hello\n")
    wrong = await client.call_tool("run_code", {"language": "c", "code": "int main(void) { return x; }"})
    checks.equal("compile error", wrong.structured_content["status"], "compile_error")
    checks.equal("messages", "undeclared" in wrong.structured_content["compile_output"], True)


async def packages(client: Client, checks: Checks) -> None:
    """The set `numbers` of C has the header of the program."""
    listed = await client.call_tool("list_languages", {"language": "c"})
    sets = [one["name"] for one in listed.structured_content["languages"][0]["packages"]]
    checks.equal("package sets", sets, ["numbers"])
    program = {"language": "c", "code": "#include <answer/answer.h>\nint main(void) { return ANSWER; }"}
    failed = await client.call_tool("run_code", program)
    checks.equal("hint", "package set numbers" in failed.structured_content["hint"], True)
    chosen = await client.call_tool("run_code", {**program, "packages": "numbers"})
    checks.equal("packages", chosen.structured_content["exit_code"], 42)


async def files(client: Client, checks: Checks) -> None:
    """A figure is an image, and files go from one call to the next."""
    plot = await client.call_tool("run_code", {"language": "python", "code": SINE, "limits": LIMITS})
    images = [block for block in plot.content if block.type == "image"]
    checks.equal("images", [image.mime_type for image in images], ["image/png"])
    png = base64.b64decode(images[0].data)
    checks.equal("size", struct.unpack(">II", png[16:24]), (640, 480))

    code = "open('a.csv', 'w').write('1,2'); open('b.bin', 'wb').write(bytes([0, 255]))"
    first = await client.call_tool("run_code", {"language": "python", "code": code, "outputs": ["*.csv", "*.bin"]})
    resources = [block.resource for block in first.content if block.type == "resource"]
    checks.equal("media types", [file.mime_type for file in resources], ["text/csv", "application/octet-stream"])
    inputs = [
        {"name": "a.csv", "content": resources[0].text},
        {"name": "b.bin", "content": resources[1].blob, "encoding": "base64"},
    ]
    code = "print(open('a.csv').read(), list(open('b.bin', 'rb').read()))"
    second = await client.call_tool("run_code", {"language": "python", "code": code, "files": inputs})
    checks.equal("files of an earlier call", second.structured_content["stdout"], "1,2 [0, 255]\n")
    checks.equal("unchanged files", second.structured_content["files"], [])


async def tests(client: Client, checks: Checks) -> None:
    cases = [
        {"input": "2", "expected_output": "4\n"},
        {"input": "3", "expected_output": "7"},
        {"input": "x", "expected_output": ""},
    ]
    arguments = {"language": "python", "code": "print(int(input()) ** 2)", "tests": cases}
    result = await client.call_tool("run_tests", arguments)
    verdicts = [test["verdict"] for test in result.structured_content["tests"]]
    checks.equal("verdicts", verdicts, ["accepted", "wrong_answer", "runtime_error"])
    checks.equal("passed", result.structured_content["passed"], 1)


async def errors(client: Client, checks: Checks) -> None:
    for name, arguments, expected in [
        ("language", {"language": "klingon", "code": ""}, "Available languages: "),
        ("unknown argument", {"language": "c", "code": "", "timeout": 1}, "unknown field `timeout`"),
        ("type", {"language": "c", "code": 1}, "invalid argument `code`"),
        ("path", {"language": "c", "code": "", "files": [{"name": "../x", "content": ""}]}, "invalid_request"),
        ("package set", {"language": "c", "code": "", "packages": "x"}, "available: numbers, none"),
        ("option", {"language": "c", "code": "", "options": {"std": "c1"}}, "invalid_request"),
    ]:
        result = await client.call_tool("run_code", arguments)
        checks.equal(f"wrong {name}", (result.is_error, expected in text(result)), (True, True))


async def live(client: Client, checks: Checks) -> None:
    """Output arrives while the program runs, and a cancelled call makes room for the next one."""
    messages: list[str] = []

    async def progress(_progress: float, _total: float | None, message: str | None) -> None:
        messages.append(message or "")

    endless = "import time\nprint('ready', flush=True)\nwhile True: time.sleep(0.1)"
    arguments = {"language": "python", "code": endless, "limits": LIMITS}
    call = asyncio.create_task(client.call_tool("run_code", arguments, progress_callback=progress))
    deadline = time.monotonic() + 30
    while "ready" not in "".join(messages) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    checks.equal("progress", "ready" in "".join(messages), True)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    started = time.monotonic()
    hello = await client.call_tool("run_code", {"language": "python", "code": "print(1)"})
    checks.equal("after cancel", hello.structured_content["stdout"], "1\n")
    checks.equal("cancelled in time", time.monotonic() - started < 60, True)


async def main() -> None:
    kind, *rest = sys.argv[1:]
    checks = Checks(f"mcp, {kind}")
    for mode in ("legacy", "auto"):
        checks.client = f"mcp, {kind}, {mode}"
        if kind == "http":
            url, key = rest
            http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=120)
            server = streamable_http_client(url, http_client=http)
        else:
            executor, socket = rest
            server = StdioServerParameters(command=executor, args=["--socket", socket, "mcp"])
        async with Client(server, mode=mode) as client:
            for check in (lists, runs, packages, files, tests, errors, live):
                await check(client, checks)
    if kind == "http":
        await wrong_key(rest[0], checks)
    checks.end()


async def wrong_key(url: str, checks: Checks) -> None:
    try:
        async with Client(url) as client:
            await client.list_tools()
        checks.equal("no key", "accepted", "refused")
    except BaseException:  # noqa: BLE001 - the client wraps its errors in groups
        checks.equal("no key", "refused", "refused")


asyncio.run(main())
