"""Clients of Judge0 from PyPI, unchanged: `judge0_clients.py URL TOKEN USER` with the URL of webd and both tokens."""

import asyncio
import sys

import judge0
import judge0_client
import judge0api

from checks import Checks


def sdk(url: str, token: str, checks: Checks) -> None:
    client = judge0.Client(f"{url}/judge0", headers={"X-Auth-Token": token})
    checks.equal("version", client.version, "1.13.1")
    checks.equal("languages", {71, 63, 62, 54, 50, 46, 43} <= {one.id for one in client.languages}, True)

    def run(**more: object) -> judge0.Submission:
        return judge0.run(client=client, **more)

    hello = run(source_code="print(input())", language=71, stdin="é")
    checks.equal("python", (hello.status, hello.stdout), (judge0.Status.ACCEPTED, "é\n"))
    checks.equal("times", hello.time is not None and hello.memory > 1000, True)
    cpp = run(source_code="int main() { return 3; }", language=judge0.CPP)
    checks.equal("c++", (cpp.status, cpp.exit_code), (judge0.Status.RUNTIME_ERROR_NZEC, 3))
    error = run(source_code="int main() { nothing; }", language=judge0.C)
    checks.equal("compile error", (error.status, "nothing" in error.compile_output), (judge0.Status.COMPILATION_ERROR, True))
    cases = run(
        source_code="print(int(input()) * 2)",
        language=71,
        test_cases=[("1", "2"), ("2", "4"), ("3", "7")],
    )
    statuses = [one.status for one in cases]
    accepted = judge0.Status.ACCEPTED
    checks.equal("test cases", statuses, [accepted, accepted, judge0.Status.WRONG_ANSWER])
    slow = run(source_code="while True: pass", language=71, cpu_time_limit=0.5)
    checks.equal("timeout", slow.status, judge0.Status.TIME_LIMIT_EXCEEDED)


async def client(url: str, token: str, checks: Checks) -> None:
    async with judge0_client.Judge0Client(f"{url}/judge0", auth_token=token) as api:
        checks.equal("about", (await api.get_about()).version, "1.13.1")
        checks.equal("workers", len(await api.get_workers()), 1)
        checks.equal("texts", bool(await api.get_isolate()) and bool(await api.get_license()), True)
        submission = judge0_client.SingleFileSubmission(source_code="print(1/0)", language_id=71)
        created = await api.create_submission(submission)
        for _ in range(600):
            result = await api.get_submission(created.token)
            if result.status.id > 2:
                break
            await asyncio.sleep(0.1)
        checks.equal("error", (result.status.id, "ZeroDivisionError" in result.stderr), (11, True))
        checks.equal("message", result.message, "Exited with error status 1")


def api(url: str, token: str, user: str, checks: Checks) -> None:
    client = judge0api.Client(f"{url}/judge0", auth_token=token, auth_user=user)
    submission = judge0api.submission.submit(
        client, "print(input(), 'é')".encode(), 71, stdin=b"in", expected_output="in é\n".encode(), cpu_time_limit=2
    )
    checks.equal("accepted", (submission.status["id"], submission.stdout), (3, "in é\n".encode()))
    again = judge0api.submission.get(client, submission.token)
    checks.equal("fields", (again.exit_code, again.language_id, again.stdout), (0, 71, submission.stdout))
    client.wait = False
    queued = judge0api.submission.submit(client, b"import time; time.sleep(1); print(1)", 71)
    while queued.status is None or queued.status["id"] <= 2:
        queued.load(client)
    checks.equal("polled", (queued.status["id"], queued.stdout, queued.stderr), (3, b"1\n", None))
    failed = judge0api.submission.submit(client, b"int main() { nothing; }", 50)
    while failed.status is None or failed.status["id"] <= 2:
        failed.load(client)
    checks.equal("compile error", (failed.status["id"], b"nothing" in failed.compile_output), (6, True))


def main() -> None:
    url, token, user = sys.argv[1:]
    checks = Checks("judge0")
    sdk(url, token, checks)
    asyncio.run(client(url, token, checks.of("judge0-client")))
    api(url, token, user, checks.of("judge0api"))
    checks.end()


main()
