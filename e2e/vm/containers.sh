#!/bin/sh
# Boots Debian 12 with Docker in an emulated machine, loads the image of the Dockerfile, starts compose.yaml and tests it:
# containers.sh IMAGE, where IMAGE is from `docker save` or `buildah push IMAGE docker-archive:FILE:executor:latest`.
set -eu
image=${1:?usage: containers.sh IMAGE}
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
dir=${EXECUTOR_VM_DIR:-$top/target/vm}/containers

mkdir -p "$dir"
"$here/base.sh" "$dir" docker.io,docker-compose,iptables,apparmor
rm -rf "$dir/in"
mkdir -p "$dir/in"
cp "$here/check.sh" "$here/check.py" "$here/containers.py" "$dir/in"
echo containers.py >"$dir/in/program"
# The image is loaded, not built. Emulated processors are slow and need longer timeouts than the defaults.
sed -e '/^ *build: /d' -e 's#\["run:/run/executor"\]#["run:/run/executor", "./slow.toml:/etc/executor/executord.toml:ro"]#' \
    "$top/compose.yaml" >"$dir/in/compose.yaml"
ln -f "$image" "$dir/in/image.tar" 2>/dev/null || cp "$image" "$dir/in/image.tar"
exec "$here/boot.sh" "$dir" "$dir/in"
