#!/bin/sh
# Ends the daemons that run.sh started. Needs root.
set -eu
state=/run/executor-dev
for name in webd executord; do
    file=$state/$name.pid
    [ -f "$file" ] || continue
    pid=$(cat "$file")
    # The number may be somebody else's by now.
    case $(readlink "/proc/$pid/exe" 2>/dev/null || true) in
    */"$name" | */"$name (deleted)")
        kill "$pid"
        tenths=150
        while [ -d "/proc/$pid" ] && [ "$tenths" -gt 0 ]; do
            tenths=$((tenths - 1))
            sleep 0.1
        done
        [ -d "/proc/$pid" ] && kill -9 "$pid"
        echo "ended $name"
        ;;
    esac
    rm -f "$file"
done
# On cgroup v1 the daemon may not remove its own groups from the top of the hierarchies. Those of a daemon that
# somebody else started are in use, and stay.
if [ -f /run/executor/cgroups ]; then
    while read -r group || [ -n "$group" ]; do
        [ ! -d "$group" ] || rmdir "$group" 2>/dev/null || true
    done </run/executor/cgroups
fi
