#!/bin/sh
# Boots the machine of base.sh with the files of IN: boot.sh DIR IN. Prints each result at once and a table at the end.
# Exits with 1 if a check failed. The results are in DIR/result.
set -eu
dir=${1:?usage: boot.sh DIR IN}
in=${2:?usage: boot.sh DIR IN}
begun=$(date +%s)

rm -rf "$dir/result"
mkdir -p "$dir/result"
tar -cf "$dir/in.tar" -C "$in" .
# A disk consists of whole sectors.
truncate -s %1M "$dir/in.tar"
rm -f "$dir/out.tar" "$dir/disk.ext4"
truncate -s 64M "$dir/out.tar"
cp --sparse=always "$dir/base.ext4" "$dir/disk.ext4"

accelerate=${EXECUTOR_VM_ACCEL:-tcg}
echo "booting with $accelerate; the console log is $dir/console.log"
disk() { echo "-drive file=$1,format=raw,if=virtio,cache=unsafe,readonly=$2"; }
# No network: all requests are sent inside the machine.
# shellcheck disable=SC2046 # each word is an argument
timeout "${EXECUTOR_VM_PATIENCE:-7200}" qemu-system-x86_64 -accel "$accelerate" -cpu max -smp 2 -m 3G -nodefaults \
    -no-user-config -display none -serial stdio -nic none \
    -object rng-random,id=rng,filename=/dev/urandom -device virtio-rng-pci,rng=rng \
    -kernel "$dir/vmlinuz" -initrd "$dir/initrd" \
    -append "root=/dev/vda rw console=ttyS0 quiet loglevel=3 systemd.show_status=false systemd.unified_cgroup_hierarchy=1" \
    $(disk "$dir/disk.ext4" off) $(disk "$dir/in.tar" on) $(disk "$dir/out.tar" off) </dev/null 2>&1 |
    stdbuf -oL tr -d '\r' | tee "$dir/console.log" | grep --line-buffered '^## ' || true
rm -f "$dir/disk.ext4" "$dir/in.tar"

tar -xf "$dir/out.tar" -C "$dir/result" 2>/dev/null || true
results=$dir/result/results.tsv
if [ ! -e "$dir/result/finished" ]; then
    echo "the machine did not finish; see $dir/console.log"
    tail -n 20 "$dir/console.log"
    exit 1
fi
awk -F '\t' '{ printf "%-4s %7s  %s%s\n", $1, $3, $2, $4 == "" ? "" : " (" substr($4, 1, 160) ")" }' "$results" |
    tee "$dir/result/table.txt"
passed=$(grep -c '^yes' "$results" || true)
failed=$(grep -c '^NO' "$results" || true)
echo "in $(($(date +%s) - begun)) s; details in $dir/result"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
