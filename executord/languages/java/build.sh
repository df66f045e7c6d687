#!/bin/sh
# Builds the Java launchers into OUTDIR/java, and class data archives for the JDK of this host:
# java/build.sh OUTDIR
# $EXECUTOR_ZYGOTE_JVM is the path of the library that cargo built. Without that file, zygotes are not available.
set -eu
here=$(dirname "$0")
out=${1:?usage: build.sh OUTDIR}/java
zygote=${EXECUTOR_ZYGOTE_JVM:-${CARGO_TARGET_DIR:-$here/../../../target}/release/libexecutor_zygote_jvm.so}
rm -rf "$out/zygote"
mkdir -p "$out/warm"
# The classes run on Java 17 and later. --release is not possible, because ReusableCompiler uses internal classes of javac.
javac -source 17 -target 17 -Xlint:all,-options -d "$out" --add-exports jdk.compiler/com.sun.tools.javac.api=ALL-UNNAMED \
    "$here/Compile.java" "$here/CompileSamples.java" "$here/ReusableCompiler.java"
# A class in a package of the JDK.
javac -Xlint:all -d "$out/warm" --patch-module "java.base=$here" "$here/WarmUp.java"
mv "$out/warm/sun/launcher"/*.class "$out/warm"
rm -r "$out/warm/sun"

home=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")
cc -O2 -Wall -Wextra -Werror -D_GNU_SOURCE -I"$home/include" -I"$home/include/linux" -o "$out/java" "$here/launcher.c" -lpthread
if [ -f "$zygote" ]; then
    install -Dm 644 "$zygote" "$out/zygote/fork.so"
fi
install -m 755 "$here/archive" "$out/archive"
"$out/archive"
