#!/bin/sh
# Installs the Python launcher into OUTDIR/python, compiled for the Python of this host: python/build.sh OUTDIR
# $EXECUTOR_ZYGOTE is the path of the zygote module that cargo built. Without that file, zygotes are not available.
# Without Python's headers, or with a version other than 3.11, programs end with Python's complete finalization.
set -eu
here=$(dirname "$0")
out=${1:?usage: build.sh OUTDIR}/python
zygote=${EXECUTOR_ZYGOTE:-${CARGO_TARGET_DIR:-$here/../../../target}/release/libexecutor_zygote.so}
# The Python that sandboxes use.
python=$(PATH=/usr/local/bin:/usr/bin:/bin command -v python3) || python=
mkdir -p "$out"
rm -rf "$out/zygote" "$out/cold" "$out/executor_exit.so"
directories=$out
if [ -f "$zygote" ]; then
    install -Dm 644 "$zygote" "$out/zygote/executor_zygote.abi3.so"
    directories="$directories $out/zygote"
fi

# Prints the directory of the headers if they are those of a version that exit.c knows.
headers() {
    [ -n "$python" ] || return 0
    "$python" -I -c 'import sys, sysconfig
if sys.version_info[:2] == (3, 11): print(sysconfig.get_path("include"))'
}
include=$(headers)
if [ -n "$include" ] && [ -f "$include/internal/pycore_interp.h" ]; then
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    cc -std=gnu17 -O2 -Wall -Wextra -Werror -Wno-missing-field-initializers -DNDEBUG -shared -fPIC -fvisibility=hidden \
        -isystem "$include" -isystem "$include/internal" -o "$scratch/executor_exit.so" "$here"/*.c
    directories="$directories $out/cold"
    for directory in $directories; do
        install -Dm 644 "$scratch/executor_exit.so" "$directory/executor_exit.so"
    done
else
    echo "python/build.sh: no headers of Python 3.11: Python programs end more slowly" >&2
fi

for directory in $directories; do
    install -m 644 "$here/usercustomize.py" "$directory"
    rm -rf "$directory/__pycache__"
    [ -n "$python" ] || continue
    # Any other Python compiles the module at each start, which takes a millisecond of pre-warming.
    "$python" -I -c 'import py_compile, sys
py_compile.compile(sys.argv[1], dfile="/launcher/usercustomize.py", doraise=True,
    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)' "$directory/usercustomize.py"
    chmod -R a+rX "$directory/__pycache__"
done
