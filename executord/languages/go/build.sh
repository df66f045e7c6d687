#!/bin/sh
# Builds the Go launcher into OUTDIR/go, with the standard library compiled for the toolchain of this host:
# go/build.sh OUTDIR
set -eu
here=$(dirname "$0")
out=${1:?usage: build.sh OUTDIR}/go
mkdir -p "$out"
install -m 755 "$here/compile" "$out/compile"
command -v go >/dev/null || exit 0

# The environment of [compile] in go.toml, because it is part of the cache keys.
rm -rf "$out/cache"
GOCACHE=$(cd "$out" && pwd)/cache CGO_ENABLED=0 GOPROXY=off GOTOOLCHAIN=local GOTELEMETRY=off GOFLAGS='' go build std
chmod -R a+rX "$out/cache"
