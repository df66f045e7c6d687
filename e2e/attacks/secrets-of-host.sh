# tries: to read passwords, keys, logs, memory and sockets of the host and of its daemons
# threat: a/host-files
# stopped-by: its own root, a pid namespace, hidepid
# any-language: true
# stdout-has: BLOCKED
for path in /etc/shadow /etc/gshadow /etc/shadow- /etc/sudoers /etc/machine-id /etc/executor /root /root/.ssh /root/.bash_history /etc/ssh \
    /etc/ssl/private /home/* /var/log /var/lib /var/spool /boot /proc/1/environ /proc/1/root /proc/1/cwd /proc/1/maps /proc/kcore \
    /proc/kmsg /dev/kmsg /dev/mem /dev/vda /dev/sda /run/executor /run/docker.sock /run/systemd /sys/fs/cgroup /sys/kernel/debug \
    /sys/class/net "${CANARY_FILE}" "${CANARY_DIR}" "${EXECUTORD_SOCKET}"; do
    # A masked file can be read, and is empty.
    if [ -d "$path" ]; then found=$(ls -A "$path" 2>/dev/null); else found=$(timeout 2 head -c 16 "$path" 2>/dev/null | od -An -c); fi
    if [ -n "$found" ] && [ "$path" != "$HOME" ]; then echo "ESCAPED: $path"; else echo "BLOCKED: $path"; fi
done
