#!/bin/sh
# Builds the image of the Dockerfile without an image registry and saves it as DIR/image.tar: image.sh DIR
# Both stages are based on Debian 12 from mmdebstrap; the builder gets this host's Rust toolchain and certificates.
# Needs root, mmdebstrap and buildah.
set -eu
dir=${1:?usage: image.sh DIR}
top=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

# A separate storage directory, so that nothing is left in the host's.
work=$dir/image
rm -rf "$work"
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
images() {
    command=$1
    shift
    buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$command" "$@"
}
base() { # base NAME PACKAGES [RUST]: Debian 12, with RUST also this host's toolchain and certificates
    name=$1
    mmdebstrap --quiet --mode=root --variant=minbase --include="ca-certificates$2" bookworm "$work/$name.tar"
    container=$(images from scratch)
    images add --quiet "$container" "$work/$name.tar" / >/dev/null
    rm "$work/$name.tar"
    [ $# = 2 ] || {
        images copy --quiet "$container" "$3/bin" /usr/local/bin >/dev/null
        images copy --quiet "$container" "$3/lib" /usr/local/lib >/dev/null
        images copy --quiet "$container" /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ >/dev/null
    }
    images commit --quiet --rm "$container" "$name" >/dev/null
}

base runtime ""
base builder ,gcc,libc6-dev "$(rustc --print sysroot)"
images build --isolation chroot --build-arg BUILDER=localhost/builder --build-arg RUNTIME=localhost/runtime \
    --tag executor "$top"
rm -f "$dir/image.tar"
images push --quiet executor "docker-archive:$dir/image.tar:executor:latest"
ls -l "$dir/image.tar"
