"""Clients of Piston from PyPI, unchanged: `piston.py URL` with the URL of webd."""

import asyncio
import sys

import pyston
import ultra_piston

from checks import Checks


async def aiopyston(url: str, checks: Checks) -> None:
    client = pyston.PystonClient(base_url=f"{url}/api/v2/piston/")
    try:
        checks.equal("languages", {"python", "c++"} <= await client.languages(), True)
        checks.equal("alias", [one.language for one in await client.get_runtimes("py3")], ["python"])
        output = await client.execute("python", [pyston.File("print(input())")], stdin="hi")
        checks.equal("stdin", str(output), "hi\n")
        output = await client.execute("cpp", [pyston.File("int main() { return 3; }", "main.cpp")], version="10.2.0")
        checks.equal("c++", (output.run_stage.code, output.compile_stage.code), (3, 0))
        output = await client.execute("python", [pyston.File("1/0")])
        checks.equal("error", (output.run_stage.code, "ZeroDivisionError" in output.run_stage.output), (1, True))
        output = await client.execute("python", [pyston.File("while True: pass")], run_timeout=500)
        checks.equal("timeout", output.run_stage.signal, "SIGKILL")
        try:
            await client.execute("cobol", [pyston.File("")])
            checks.equal("unknown language", "accepted", "refused")
        except Exception as error:
            checks.equal("unknown language", "runtime is unknown" in str(error), True)
    finally:
        await client.close_session()


def ultra(url: str, checks: Checks) -> None:
    client = ultra_piston.PistonClient(base_url=f"{url}/api/v2/", rate_limit=0)
    checks.equal("runtimes", "python" in [one.language for one in client.get_runtimes()], True)
    checks.equal("packages", all(one.installed for one in client.get_packages()), True)
    file = ultra_piston.File(content="import sys; print(sys.argv[1:], input())")
    output = client.post_execute("python", "3.10.0", file, stdin="in", args=["a b", ""])
    checks.equal("execute", (output.run.stdout, output.run.code), ("['a b', ''] in\n", 0))
    output = client.post_execute("c", "10.2.0", ultra_piston.File(content="nothing"))
    checks.equal("compile error", (output.compile.code, output.run.stdout), (1, ""))
    for operation in (client.post_packages, client.delete_packages):
        try:
            operation("python", "3.12.0")
            checks.equal("package", "accepted", "refused")
        except ultra_piston.errors.NotFoundError:
            checks.equal("package", "refused", "refused")

    async def concurrently() -> list[str]:
        programs = [ultra_piston.File(content=f"print({number})") for number in range(5)]
        outputs = await asyncio.gather(*(client.post_execute_async("py", "*", program) for program in programs))
        return [output.run.stdout for output in outputs]

    checks.equal("async", asyncio.run(concurrently()), [f"{number}\n" for number in range(5)])


def main() -> None:
    url = sys.argv[1]
    checks = Checks("aiopyston")
    asyncio.run(aiopyston(url, checks))
    ultra(url, checks.of("ultra-piston"))
    checks.end()


main()
