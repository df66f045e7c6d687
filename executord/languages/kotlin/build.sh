#!/bin/sh
# Builds the launcher of Kotlin into OUTDIR/kotlin: kotlin/build.sh OUTDIR. `executor install kotlin` creates the class data archives.
set -eu
here=$(dirname "$0")
out=${1:?usage: build.sh OUTDIR}/kotlin
install -Dm 755 "$here/archive" "$out/archive"
