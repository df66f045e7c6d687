#!/bin/sh
# Installs the TypeScript launcher, and that of Node, into OUTDIR/typescript: typescript/build.sh OUTDIR
set -eu
here=$(dirname "$0")
out=${1:?usage: build.sh OUTDIR}/typescript
mkdir -p "$out"
install -m 755 "$here/compile" "$out/compile"
"$here/../javascript/build.sh" "$1" typescript
