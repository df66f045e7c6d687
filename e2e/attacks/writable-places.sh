# tries: to find a place outside its own directories where it may write, and modify its own mounts
# threat: a/host-writes
# stopped-by: read-only mounts
# any-language: true
# stdout-has: BLOCKED
find / -xdev \( -path /box -o -path /tmp -o -path /proc \) -prune -o -writable ! -type l -print 2>/dev/null |
    grep -vxE '/dev/(null|zero|full|random|urandom|stdin|stdout|stderr)' | sed 's/^/ESCAPED: writable /'
for directory in /usr /usr/lib /usr/bin /etc /etc/alternatives /etc/ssl/certs /dev /run /home /var /proc / /build; do
    touch "$directory/x" 2>/dev/null && echo "ESCAPED: wrote to $directory" || echo "BLOCKED: $directory"
done
mv /box /tmp/box 2>/dev/null && echo "ESCAPED: moved /box"
rmdir /tmp 2>/dev/null && echo "ESCAPED: removed /tmp"
ln /usr/bin/env /box/env 2>/dev/null && echo "ESCAPED: a hard link to /usr/bin/env"
ln /etc/passwd /box/passwd 2>/dev/null && echo "ESCAPED: a hard link to /etc/passwd"
ln -s /etc/passwd /box/link && echo x 2>/dev/null >>/box/link && echo "ESCAPED: wrote through a link"
chmod 4755 /box/main.sh && [ -u /box/main.sh ] && echo "BLOCKED: setuid of its own means nothing here"
mount -o remount,rw / 2>/dev/null && echo "ESCAPED: remounted"
mount --bind /box /usr 2>/dev/null && echo "ESCAPED: mounted"
unshare -Ur true 2>/dev/null && echo "ESCAPED: a user namespace"
chroot / true 2>/dev/null && echo "ESCAPED: chroot"
true
