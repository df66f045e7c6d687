#!/bin/sh
# Builds the C++ launcher into OUTDIR/cpp, beside OUTDIR/cpp.toml, and records how g++ compiles on this host:
# cpp/build.sh OUTDIR
set -eu
here=$(dirname "$0")
out=${1:?usage: build.sh OUTDIR}/cpp
mkdir -p "$out"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Static: a dynamic linker would take as long as all that it does.
gcc -std=gnu17 -O2 -Wall -Wextra -static -o "$scratch/compile" "$here/compile.c"
gcc -std=gnu17 -O2 -Wall -Wextra -shared -fPIC -o "$scratch/wait.so" "$here/wait.c"
# What is as it was keeps its time, and `record` then sees that it has nothing to do.
install -C -m 644 "$scratch/wait.so" "$out"
install -C -m 755 "$scratch/compile" "$here/record" "$out"
install -C -m 644 "$here/headers" "$here/instantiate.cc" "$out"
"$out/record" "${EXECUTOR_CPP_RECORD:---auto}"
