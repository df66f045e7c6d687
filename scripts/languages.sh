#!/bin/sh
# Copies the language files into OUTDIR and builds their launchers there: languages.sh OUTDIR
set -eu
out=${1:?usage: languages.sh OUTDIR}
from=$(dirname "$0")/../executord/languages
mkdir -p "$out"
# The precompiled headers of C++ take half a minute to build. They are kept; cpp/build.sh rebuilds outdated ones.
find "$out" -mindepth 1 -maxdepth 1 ! -name 'cpp*' -exec rm -rf {} +
install -C -m 644 "$from"/*.toml "$out"
for build in "$from"/*/build.sh; do
    "$build" "$out"
done
