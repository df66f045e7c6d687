#!/bin/sh
# Builds the packages of both client libraries into target/client-libraries/packages, and installs them into new environments next to
# it: python (a virtual environment) and node (a directory with node_modules).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$here/../target/client-libraries
mkdir -p "$out"
out=$(cd "$out" && pwd)
rm -rf "$out/packages" "$out/python" "$out/node"
mkdir -p "$out/packages" "$out/node"

"$here/tools.sh"
"$out/tools/bin/python" -m build --outdir "$out/packages" "$here/python"
# The compiler is that of the page.
PATH="$here/../webd/web/node_modules/.bin:$PATH" npm pack "$here/typescript" --pack-destination "$out/packages"

python3 -m venv "$out/python"
"$out/python/bin/pip" install --quiet --disable-pip-version-check "$out"/packages/*.whl
npm install --prefix "$out/node" --no-audit --no-fund --no-package-lock --silent "$out"/packages/*.tgz ws@8
