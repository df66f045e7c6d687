"""A client of Judge0 from PyPI, unchanged: `judge0_wrapper.py URL TOKEN USER` with the URL of webd and both tokens."""

import sys

import judge0_api_wrapper

from checks import Checks


def wrapper(url: str, token: str, user: str, checks: Checks) -> None:
    api = judge0_api_wrapper.Judge0(f"{url}/judge0", token, user)
    program = judge0_api_wrapper.CreateSubmission(source_code="print(input())", language_id=71, stdin="hi")
    result = api.wait_for_completion(api.submit(program), 0.1)
    checks.equal("submit", (result.result.value, result.stdout), (3, "hi\n"))
    results = api.wait_for_completions(api.submit_batch([program] * 3), 0.1)
    checks.equal("batch", [one.stdout for one in results], ["hi\n"] * 3)
    try:
        judge0_api_wrapper.Judge0(f"{url}/judge0", "wrong", user)
        checks.equal("wrong token", "accepted", "refused")
    except Exception as error:
        checks.equal("wrong token", "401" in str(error), True)


def main() -> None:
    checks = Checks("judge0-api-wrapper")
    wrapper(*sys.argv[1:], checks)
    checks.end()


main()
