#!/bin/sh
# Installs what `make vm` and `make vm-containers` need in addition to `make run`, if it is missing, and prints what it
# installs: QEMU, mmdebstrap and mke2fs for the machine, cargo-deb for the package, buildah for the image.
set -eu
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo

missing=
need() { # need COMMAND PACKAGE
    command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || [ -x "/sbin/$1" ] || missing="$missing $2"
}
need qemu-system-x86_64 qemu-system-x86
need mmdebstrap mmdebstrap
need mke2fs e2fsprogs
need buildah buildah
if [ -n "$missing" ]; then
    echo "installing$missing"
    $sudo apt-get update -q
    # shellcheck disable=SC2086 # a list of words
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing
fi
command -v cargo-deb >/dev/null 2>&1 || [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo-deb" ] || {
    echo "installing cargo-deb (takes a minute, once)"
    cargo install --quiet --locked cargo-deb@3.8.0
}
