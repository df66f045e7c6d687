#!/bin/sh
# Builds the launcher of Node into OUTDIR/javascript, or OUTDIR/LANGUAGE for another language that runs in Node:
# javascript/build.sh OUTDIR [LANGUAGE]
# $EXECUTOR_ZYGOTE_NODE is the path of the addon that cargo built. Without that file, zygotes are not available.
set -eu
here=$(dirname "$0")
out=${1:?usage: build.sh OUTDIR [LANGUAGE]}/${2:-javascript}
zygote=${EXECUTOR_ZYGOTE_NODE:-${CARGO_TARGET_DIR:-$here/../../../target}/release/libexecutor_zygote_node.so}
mkdir -p "$out"
rm -rf "$out/zygote"
install -m 644 "$here/stack.cjs" "$here/prelude.cjs" "$here/exercise.cjs" "$out"
cc -O2 -Wall -Wextra -Werror -o "$out/start" "$here/start.c"
for library in release quit stack; do
    cc -O2 -Wall -Wextra -Werror -shared -fPIC -o "$out/$library.node" "$here/$library.c"
done
if [ -f "$zygote" ]; then
    install -Dm 644 "$zygote" "$out/zygote/fork.node"
    install -m 644 "$out"/*.node "$out/prelude.cjs" "$out/exercise.cjs" "$out/zygote"
fi
