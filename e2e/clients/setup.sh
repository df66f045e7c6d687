#!/bin/sh
# Installs the published clients into target/clients.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$here/../../target/clients
mkdir -p "$out/node"

python_environment() {
    [ -x "$out/$1/bin/python" ] || python3 -m venv "$out/$1"
    "$out/$1/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/$2"
}
python_environment venv requirements.txt
python_environment wrapper requirements-wrapper.txt
python_environment mcp requirements-mcp.txt

cp "$here/package.json" "$here/piston.mjs" "$here/mcp.mjs" "$out/node/"
npm install --prefix "$out/node" --no-audit --no-fund --no-package-lock --silent
