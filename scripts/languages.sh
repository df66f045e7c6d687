#!/bin/sh
# Assembles the language files, with their launchers built, in OUTDIR: languages.sh OUTDIR
set -eu
out=${1:?usage: languages.sh OUTDIR}
from=$(dirname "$0")/../executord/languages
rm -rf "$out"
mkdir -p "$out"
install -m 644 "$from"/*.toml "$out"
for build in "$from"/*/build.sh; do
    "$build" "$out"
done
