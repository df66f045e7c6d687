#!/bin/sh
# Builds the Java launcher from source into OUTDIR/java: java/build.sh OUTDIR
set -eu
here=$(dirname "$0")
out=${1:?usage: build.sh OUTDIR}/java
mkdir -p "$out"
# Classes for the JDK that builds them and every later one.
javac --release 17 -Xlint:all -d "$out" "$here/Compile.java"
