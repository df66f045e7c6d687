#!/bin/sh
# Started in the virtual machine by check.service after every boot.
cd /var/in
mkdir -p /var/lib/check
python3 -u "$(cat program)"
tar -cf /dev/vdc -C /var/lib/check .
sync
# A stage that is not the last asks for another boot.
if [ -e /var/lib/check/again ]; then
    rm /var/lib/check/again
    exec systemctl --no-block reboot
fi
exec systemctl --no-block poweroff
