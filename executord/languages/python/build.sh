#!/bin/sh
# Puts the Python launcher into OUTDIR/python, compiled for the Python of this host: python/build.sh OUTDIR
set -eu
here=$(dirname "$0")
out=${1:?usage: build.sh OUTDIR}/python
mkdir -p "$out"
install -m 644 "$here/usercustomize.py" "$out/usercustomize.py"
# The Python that the sandbox finds. Another one compiles the module each time, which takes a millisecond nobody waits for.
python=$(PATH=/usr/local/bin:/usr/bin:/bin command -v python3) || exit 0
rm -rf "$out/__pycache__"
"$python" -I -c 'import py_compile, sys
py_compile.compile(sys.argv[1], dfile="/launcher/usercustomize.py", doraise=True,
    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)' "$out/usercustomize.py"
chmod -R a+rX "$out/__pycache__"
