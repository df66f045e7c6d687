#!/bin/sh
# Builds the launcher of Scala into OUTDIR/scala: scala/build.sh OUTDIR. `executor install scala` creates the class data archives.
set -eu
here=$(dirname "$0")
out=${1:?usage: build.sh OUTDIR}/scala
install -Dm 755 "$here/archive" "$out/archive"
