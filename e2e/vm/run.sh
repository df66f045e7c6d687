#!/bin/sh
# Boots Debian 12 in an emulated machine, installs the package and tests it there:
#     run.sh [CHECK...]      all checks, or the named functions of check.py; writes target/vm/result
# Needs root and what scripts/setup-vm.sh installs. With hardware virtualization, EXECUTOR_VM_ACCEL=kvm is many times faster.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
dir=${EXECUTOR_VM_DIR:-$top/target/vm}

mkdir -p "$dir"
"$here/base.sh" "$dir" libnss-systemd,g++,gcc-12-plugin-dev,openjdk-17-jdk-headless,nodejs,nats-server

# Two packages, to test an upgrade.
work=$dir/in
rm -rf "$work"
mkdir -p "$work"
"$top/systemd/package.sh" "$work/first" 1
"$top/systemd/package.sh" "$work/second" 2
cp "$here/check.sh" "$here/check.py" "$work"
echo check.py >"$work/program"
# The attacks of e2e, and those of EXECUTOR_PROBES if it is set; EXECUTOR_ATTACKS holds options to select some.
echo "${EXECUTOR_ATTACKS:-}" >"$work/attack-options"
(cd "$top" && cargo build --quiet --release --locked -p e2e --bin attacks)
cp "${CARGO_TARGET_DIR:-$top/target}/release/attacks" "$work"
mkdir "$work/e2e" "$work/docs"
cp -r "$top/e2e/attacks" "$work/e2e"
for page in operations threat-model; do
    [ ! -e "$top/docs/$page.md" ] || cp "$top/docs/$page.md" "$work/docs"
done
echo "$top/e2e" >"$work/attacks-home"
[ ! -d "${EXECUTOR_PROBES:-}" ] || cp -r "$EXECUTOR_PROBES" "$work/probes"
[ $# = 0 ] || echo "$@" >"$work/only"
exec "$here/boot.sh" "$dir" "$work"
