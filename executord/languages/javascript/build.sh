#!/bin/sh
# Builds the launcher of Node into OUTDIR/javascript, or OUTDIR/LANGUAGE for another language that runs in Node:
# javascript/build.sh OUTDIR [LANGUAGE]
set -eu
here=$(dirname "$0")
out=${1:?usage: build.sh OUTDIR [LANGUAGE]}/${2:-javascript}
mkdir -p "$out"
install -m 644 "$here/stack.cjs" "$here/prelude.cjs" "$here/exercise.cjs" "$out"
cc -O2 -Wall -Wextra -Werror -o "$out/start" "$here/start.c"
for library in release quit stack; do
    cc -O2 -Wall -Wextra -Werror -shared -fPIC -o "$out/$library.node" "$here/$library.c"
done
