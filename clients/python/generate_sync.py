"""Generates the clients that block from those for asyncio, so that both do the same.

`python3 generate_sync.py` writes _client.py and _session.py; with `--check`, it fails if one of them is not up to date.
"""

import re
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent / "src/executor_client"
# Modules for asyncio, and those that are generated from them.
MODULES = {"_async_client.py": "_client.py", "_async_session.py": "_session.py"}
# Patterns and their replacements, in the order in which they apply.
REPLACEMENTS = [
    (r" for asyncio\.", "."),
    (r"\basync (def|for|with) ", r"\1 "),
    (r"\bawait ", ""),
    (r"\bimport asyncio\b", "import time"),
    (r"\basyncio\.sleep\b", "time.sleep"),
    (r"\bwebsockets\.asyncio\b", "websockets.sync"),
    (r"\bOne task\b", "One thread"),
    (r"\benter_async_context\b", "enter_context"),
    # AsyncExecutor, AsyncIterator, httpx.AsyncClient; asynccontextmanager; _async_session.
    (r"\bAsync([A-Z])", r"\1"),
    (r"\basynccontextmanager\b", "contextmanager"),
    (r"\b_async_", "_"),
    # aclose, aread, aiter_lines; __aenter__, __aexit__, __aiter__.
    (r"\.a(close|read|iter_lines)\b", r".\1"),
    (r"\b__a(enter|exit|iter)__", r"__\1__"),
    (r'\A"""(\w+)\."""', r'"""\1 without asyncio. Generated from {source} by generate_sync.py; do not edit."""'),
]


def generate(name: str) -> str:
    """Returns the module that blocks, from the one for asyncio with this name."""
    text = (PACKAGE / name).read_text()
    for pattern, replacement in REPLACEMENTS:
        text = re.sub(pattern, replacement.replace("{source}", name), text)
    return text


def main() -> None:
    for name, generated in MODULES.items():
        path = PACKAGE / generated
        if sys.argv[1:] != ["--check"]:
            path.write_text(generate(name))
        elif path.read_text() != generate(name):
            sys.exit(f"{path} is not up to date: run python3 clients/python/generate_sync.py")


if __name__ == "__main__":
    main()
