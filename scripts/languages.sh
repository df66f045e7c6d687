#!/bin/sh
# Assembles the language files, with their launchers built, in OUTDIR: languages.sh OUTDIR
set -eu
out=${1:?usage: languages.sh OUTDIR}
from=$(dirname "$0")/../executord/languages
mkdir -p "$out"
# What C++ has compiled beforehand takes half a minute, and is made anew where it is out of date.
find "$out" -mindepth 1 -maxdepth 1 ! -name 'cpp*' -exec rm -rf {} +
install -C -m 644 "$from"/*.toml "$out"
for build in "$from"/*/build.sh; do
    "$build" "$out"
done
