# tries: to become another user by every program that could allow it
# threat: a/privilege
# stopped-by: no new privileges, nosuid, no capabilities
# any-language: true
# stdout-has: BLOCKED
find / -xdev -perm /6000 -type f 2>/dev/null | head -20 | while read -r program; do
    out=$(echo | timeout 2 "$program" --version 2>&1)
    echo "BLOCKED: tried $program"
done
for command in "su -c id" "sudo -n id" "mount" "ping -c1 127.0.0.1" "newgrp root" "passwd -S root" "chsh -s /bin/sh" \
    "setpriv --reuid=0 id" "setpriv --ambient-caps=+all id" "capsh --print" "nsenter -t 1 -a id" "unshare -m id"; do
    if timeout 2 $command </dev/null 2>/dev/null | grep -q 'uid=0'; then echo "ESCAPED: $command"; fi
done
cp /usr/bin/id /tmp/id && chmod 6755 /tmp/id && /tmp/id | grep -q 'uid=0' && echo "ESCAPED: setuid"
printf '#!/usr/bin/id\n' >/tmp/script && chmod 4755 /tmp/script && /tmp/script | grep -q 'uid=0' && echo "ESCAPED: script"
grep -E '^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp|Groups):' /proc/self/status
grep -qE '^Cap(Inh|Prm|Eff|Bnd|Amb):.*[1-9a-f]' /proc/self/status && echo "ESCAPED: a capability"
id | grep -q 'groups=[0-9]*([a-z0-9_-]*)$' || echo "ESCAPED: other groups: $(id)"
ulimit -Hc unlimited 2>/dev/null && echo "ESCAPED: core limit"
ulimit -Hn 999999 2>/dev/null && echo "ESCAPED: file limit"
ulimit -Hu 999999 2>/dev/null && echo "ESCAPED: process limit"
echo BLOCKED: end
