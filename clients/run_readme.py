"""Runs the examples in the README of a client library, and compares what they print with what the README says.

    run_readme.py README LANGUAGE COMMAND...

Each code block of LANGUAGE is the stdin of COMMAND. A block `text` after it is what the example prints. EXECUTOR_URL is the
server, in place of the one in the README.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
README_URL = "http://127.0.0.1:3000"
TIMEOUT_S = 60


def main() -> None:
    readme, language, *command = sys.argv[1:]
    blocks = BLOCK.findall(Path(readme).read_text())
    count = 0
    for (kind, code), (next_kind, expected) in zip(blocks, [*blocks[1:], ("", "")]):
        if kind != language:
            continue
        count += 1
        code = code.replace(README_URL, os.environ["EXECUTOR_URL"])
        ran = subprocess.run(command, input=code, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        is_right = ran.returncode == 0 and (next_kind != "text" or ran.stdout == expected)
        if not is_right:
            sys.exit(f"{code}\nexits with {ran.returncode} and prints\n{ran.stdout}{ran.stderr}\nexpected\n{expected}")
    if count == 0:
        sys.exit(f"{readme} has no example in {language}")
    print(f"{readme}: {count} examples")


if __name__ == "__main__":
    main()
