#!/bin/sh
# Stops the daemons that run.sh started. Requires root.
set -eu
state=/run/executor-dev
for name in webd executord; do
    file=$state/$name.pid
    [ -f "$file" ] || continue
    pid=$(cat "$file")
    # The process id may belong to another process by now.
    case $(readlink "/proc/$pid/exe" 2>/dev/null || true) in
    */"$name" | */"$name (deleted)")
        kill "$pid"
        tenths=150
        while [ -d "/proc/$pid" ] && [ "$tenths" -gt 0 ]; do
            tenths=$((tenths - 1))
            sleep 0.1
        done
        [ -d "/proc/$pid" ] && kill -9 "$pid"
        echo "stopped $name"
        ;;
    esac
    rm -f "$file"
done
# The command that run.sh made.
command=/usr/local/bin/executor
[ "$(readlink "$command" || true)" != /usr/local/lib/executor/executor ] || rm "$command"
# With cgroup v1, the daemon is not permitted to remove its cgroups from the top of the hierarchies. Cgroups of another
# running daemon are in use, so rmdir leaves them.
if [ -f /run/executor/cgroups ]; then
    while read -r group || [ -n "$group" ]; do
        [ ! -d "$group" ] || rmdir "$group" 2>/dev/null || true
    done </run/executor/cgroups
fi
