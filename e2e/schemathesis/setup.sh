#!/bin/sh
# Installs schemathesis into target/schemathesis.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$here/../../target/schemathesis
[ -x "$out/bin/python" ] || python3 -m venv "$out"
"$out/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
