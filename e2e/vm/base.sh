#!/bin/sh
# Creates a virtual machine's disk, kernel and initial ramdisk in DIR unless they exist: base.sh DIR PACKAGES
# The disk holds Debian 12 with PACKAGES and a unit that runs check.sh from the second disk. Needs root and mmdebstrap.
set -eu
dir=${1:?usage: base.sh DIR PACKAGES}
packages=systemd,systemd-sysv,udev,dbus,linux-image-cloud-amd64,initramfs-tools,zstd,kmod,apt,procps,util-linux
packages=$packages,iproute2,curl,ca-certificates,python3,$2
# The disk depends only on this script and the list of packages.
made_by=$( (cat "$0" && echo "$packages") | sha256sum | cut -c 1-16)
[ "$(cat "$dir/made-by" 2>/dev/null)" = "$made_by" ] && exit 0

mkdir -p "$dir"
root=$dir/root
rm -rf "$root" "$dir/made-by"
echo "creating a Debian 12 disk (takes a few minutes, once)"
mmdebstrap --quiet --mode=root --variant=minbase --include="$packages" bookworm "$root"

cat >"$root/etc/systemd/system/check.service" <<'UNIT'
[Unit]
Description=Run check.sh from the second disk
After=multi-user.target

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'mkdir -p /var/in && tar -xf /dev/vdb -C /var/in && exec /bin/sh /var/in/check.sh'
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
TimeoutStartSec=infinity
SuccessAction=none
FailureAction=poweroff-force
UNIT
# Part of the default target but ordered after multi-user.target, so that a slow boot does not affect the checks.
mkdir -p "$root/etc/systemd/system/graphical.target.wants"
ln -s /etc/systemd/system/check.service "$root/etc/systemd/system/graphical.target.wants/check.service"
for unit in getty@tty1.service serial-getty@ttyS0.service apt-daily.timer apt-daily-upgrade.timer \
    e2scrub_reap.service e2scrub_all.timer fstrim.timer systemd-timesyncd.service nats-server.service; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
echo executor-vm >"$root/etc/hostname"
echo '/dev/vda / ext4 rw,noatime 0 1' >"$root/etc/fstab"

cp "$root"/boot/vmlinuz-* "$dir/vmlinuz"
cp "$root"/boot/initrd.img-* "$dir/initrd"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
rm -f "$dir/base.ext4"
truncate -s 8G "$dir/base.ext4"
mke2fs -q -t ext4 -d "$root" "$dir/base.ext4"
rm -rf "$root"
echo "$made_by" >"$dir/made-by"
