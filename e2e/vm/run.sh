#!/bin/sh
# Boots a Debian 12 in an emulated machine, installs the package, and looks whether what is promised holds there:
#     run.sh [CHECK...]      all checks, or those functions of check.py; the result is in target/vm/result
# Needs root, mmdebstrap, qemu-system-x86, and what systemd/package.sh needs. EXECUTOR_VM_ACCEL=kvm is many
# times faster where there is hardware for it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
dir=${EXECUTOR_VM_DIR:-$top/target/vm}
begun=$(date +%s)

mkdir -p "$dir"
"$here/base.sh" "$dir"

# Two packages, so that there is something to upgrade to.
work=$dir/in
rm -rf "$work" "$dir/result"
mkdir -p "$work" "$dir/result"
"$top/systemd/package.sh" "$work/first" 1
"$top/systemd/package.sh" "$work/second" 2
cp "$here/check.sh" "$here/check.py" "$work"
# The attacks of e2e, and those of EXECUTOR_PROBES if there are any.
(cd "$top" && cargo build --quiet --release --locked -p e2e --bin attacks)
cp "${CARGO_TARGET_DIR:-$top/target}/release/attacks" "$work"
mkdir "$work/e2e" "$work/docs"
cp -r "$top/e2e/attacks" "$work/e2e"
[ ! -e "$top/docs/threat-model.md" ] || cp "$top/docs/threat-model.md" "$work/docs"
echo "$top/e2e" >"$work/attacks-home"
[ ! -d "${EXECUTOR_PROBES:-}" ] || cp -r "$EXECUTOR_PROBES" "$work/probes"
[ $# = 0 ] || echo "$@" >"$work/only"
tar -cf "$dir/in.tar" -C "$work" .
# A disk has whole sectors.
truncate -s %1M "$dir/in.tar"
rm -f "$dir/out.tar" "$dir/disk.ext4"
truncate -s 64M "$dir/out.tar"
cp --sparse=always "$dir/base.ext4" "$dir/disk.ext4"

accelerate=${EXECUTOR_VM_ACCEL:-tcg}
echo "booting, by $accelerate; the console is in $dir/console.log"
disk() { echo "-drive file=$1,format=raw,if=virtio,cache=unsafe,readonly=$2"; }
# No network: everything is asked inside.
# shellcheck disable=SC2046 # each word is an argument
timeout "${EXECUTOR_VM_PATIENCE:-3600}" qemu-system-x86_64 -accel "$accelerate" -cpu max -smp 2 -m 3G -nodefaults -no-user-config \
    -display none -serial stdio -nic none -object rng-random,id=rng,filename=/dev/urandom -device virtio-rng-pci,rng=rng \
    -kernel "$dir/vmlinuz" -initrd "$dir/initrd" \
    -append "root=/dev/vda rw console=ttyS0 quiet loglevel=3 systemd.show_status=false systemd.unified_cgroup_hierarchy=1" \
    $(disk "$dir/disk.ext4" off) $(disk "$dir/in.tar" on) $(disk "$dir/out.tar" off) </dev/null 2>&1 |
    stdbuf -oL tr -d '\r' | tee "$dir/console.log" | grep --line-buffered '^## ' || true
rm -f "$dir/disk.ext4"

tar -xf "$dir/out.tar" -C "$dir/result" 2>/dev/null || true
results=$dir/result/results.tsv
if [ ! -e "$dir/result/finished" ]; then
    echo "the machine did not come to an end; see $dir/console.log"
    tail -n 20 "$dir/console.log"
    exit 1
fi
awk -F '\t' '{ printf "%-4s %7s  %s%s\n", $1, $3, $2, $4 == "" ? "" : " (" substr($4, 1, 160) ")" }' "$results" |
    tee "$dir/result/table.txt"
passed=$(grep -c '^yes' "$results" || true)
failed=$(grep -c '^NO' "$results" || true)
echo "in $(($(date +%s) - begun)) s; all of it in $dir/result"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
