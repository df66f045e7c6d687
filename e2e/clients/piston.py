"""Clients of Piston from PyPI, unchanged: `piston.py URL` with the URL of webd."""

import asyncio
import sys

import piston_rspy
import pistonapi
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


def api(url: str, checks: Checks) -> None:
    client = pistonapi.PistonAPI(f"{url}/api/v2/piston")
    runtimes = client.runtimes
    checks.equal("runtimes", {"python", "javascript", "c++"} <= runtimes.keys(), True)
    checks.equal("aliases", "py3" in runtimes["python"]["aliases"], True)
    try:
        # It sends a form, which Piston refuses.
        client.execute("python", "3.10.0", "print(1)")
        checks.equal("form", "accepted", "refused")
    except pistonapi.PistonError as error:
        checks.equal("form", str(error), "requests must be of type application/json")


async def rspy(url: str, checks: Checks) -> None:
    client = piston_rspy.Client.with_url(f"{url}/api/v2/piston")
    runtimes = {runtime.language: runtime for runtime in await client.fetch_runtimes()}
    checks.equal("runtimes", "cpp" in runtimes["c++"].aliases, True)
    executor = piston_rspy.Executor(language="python", version="3.10.0", stdin="in", args=["a b"])
    executor.add_file(piston_rspy.File(name="main.py", content="import sys; print(input(), sys.argv[1:])"))
    response = await client.execute(executor)
    checks.equal("python", (response.is_ok(), response.run.stdout, response.run.code), (True, "in ['a b']\n", 0))
    executor = piston_rspy.Executor(language="rust", version="*")
    executor.add_file(piston_rspy.File(content='fn main() { println!("hi") }'))
    response = await client.execute(executor)
    checks.equal("rust", (response.compile.code, response.run.stdout), (0, "hi\n"))
    executor = piston_rspy.Executor(language="cobol", version="*")
    executor.add_file(piston_rspy.File(content=""))
    checks.equal("unknown language", (await client.execute(executor)).is_err(), True)


def main() -> None:
    url = sys.argv[1]
    checks = Checks("aiopyston")
    asyncio.run(aiopyston(url, checks))
    ultra(url, checks.of("ultra-piston"))
    api(url, checks.of("pistonapi"))
    asyncio.run(rspy(url, checks.of("piston-rspy")))
    checks.end()


main()
