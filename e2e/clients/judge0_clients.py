"""Clients of Judge0 from PyPI, unchanged: `judge0_clients.py URL TOKEN` with the URL of webd and the token."""

import asyncio
import sys

import judge0
import judge0_client

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


def main() -> None:
    url, token = sys.argv[1:]
    checks = Checks("judge0")
    sdk(url, token, checks)
    asyncio.run(client(url, token, checks.of("judge0-client")))
    checks.end()


main()
