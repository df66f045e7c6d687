#!/bin/sh
# Builds the C++ launcher into OUTDIR/cpp, next to OUTDIR/cpp.toml, and records how g++ compiles on this host:
# cpp/build.sh OUTDIR
set -eu
here=$(dirname "$0")
out=${1:?usage: build.sh OUTDIR}/cpp
mkdir -p "$out"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Static, because dynamic linking would take as long as all that the launcher does.
gcc -std=gnu17 -O2 -Wall -Wextra -static -o "$scratch/compile" "$here/compile.c"
gcc -std=gnu17 -O2 -Wall -Wextra -shared -fPIC -o "$scratch/wait.so" "$here/wait.c"
# `install -C` does not touch unchanged files, so `record` sees from their times that it has nothing to do.
install -C -m 644 "$scratch/wait.so" "$out"
install -C -m 755 "$scratch/compile" "$here/record" "$out"
install -C -m 644 "$here/headers" "$here/instantiate.cc" "$out"
"$out/record" "${EXECUTOR_CPP_RECORD:---auto}"
