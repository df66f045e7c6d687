#!/bin/sh
# Installs the Python launcher into OUTDIR/python, compiled for the Python of this host: python/build.sh OUTDIR
# $EXECUTOR_ZYGOTE is the path of the zygote module that cargo built. Without that file, zygotes are not available.
set -eu
here=$(dirname "$0")
out=${1:?usage: build.sh OUTDIR}/python
zygote=${EXECUTOR_ZYGOTE:-${CARGO_TARGET_DIR:-$here/../../../target}/release/libexecutor_zygote.so}
mkdir -p "$out"
install -m 644 "$here/usercustomize.py" "$out/usercustomize.py"
rm -rf "$out/zygote"
if [ -f "$zygote" ]; then
    mkdir "$out/zygote"
    install -m 644 "$here/usercustomize.py" "$out/zygote/usercustomize.py"
    install -m 644 "$zygote" "$out/zygote/executor_zygote.abi3.so"
fi
# The Python that sandboxes use. Any other compiles the module at each start, which takes a millisecond of pre-warming.
python=$(PATH=/usr/local/bin:/usr/bin:/bin command -v python3) || exit 0
for directory in "$out" "$out/zygote"; do
    [ -d "$directory" ] || continue
    rm -rf "$directory/__pycache__"
    "$python" -I -c 'import py_compile, sys
py_compile.compile(sys.argv[1], dfile="/launcher/usercustomize.py", doraise=True,
    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)' "$directory/usercustomize.py"
    chmod -R a+rX "$directory/__pycache__"
done
