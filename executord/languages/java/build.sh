#!/bin/sh
# Builds the Java launchers from source into OUTDIR/java, and archives of classes for the JDK of this host:
# java/build.sh OUTDIR
set -eu
here=$(dirname "$0")
out=${1:?usage: build.sh OUTDIR}/java
mkdir -p "$out/warm"
# Classes for the JDK that builds them and every later one. Not --release, for Prepared uses what is javac's own.
javac -source 17 -target 17 -Xlint:all,-options -d "$out" --add-exports jdk.compiler/com.sun.tools.javac.api=ALL-UNNAMED \
    "$here/Compile.java" "$here/CompileSamples.java" "$here/Prepared.java"
# A class of one of the JDK's own packages.
javac -Xlint:all -d "$out/warm" --patch-module "java.base=$here" "$here/WarmUp.java"
mv "$out/warm/sun/launcher"/*.class "$out/warm"
rm -r "$out/warm/sun"

home=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")
cc -O2 -Wall -Wextra -Werror -D_GNU_SOURCE -I"$home/include" -I"$home/include/linux" -o "$out/java" "$here/launcher.c" -lpthread
install -m 755 "$here/archive" "$out/archive"
"$out/archive"
