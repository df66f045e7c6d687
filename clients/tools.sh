#!/bin/sh
# Installs what checks and builds the Python library, and what it depends on, into target/client-libraries/tools.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tools=$here/../target/client-libraries/tools
[ -x "$tools/bin/python" ] || python3 -m venv "$tools"
"$tools/bin/python" -c "import build, httpx, mypy, websockets" 2>/dev/null ||
    "$tools/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
