#!/bin/sh
# Installs every shipped language with `executor install --all`, which runs the self-tests, and measures the example programs, with
# an executord of this checkout's release build. Requires root and the network.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
state=$(mktemp -d)
socket=$state/run/executord.sock
cp -r "$here/target/languages" "$state/languages"
cat >"$state/executord.toml" <<EOF
runtime_directory = "$state/run"
languages = ["$state/languages"]
helper = "$here/target/release/executor-sandbox"
cgroup = "executor-languages"
userdb = "off"
EOF
"$here/target/release/executord" --config "$state/executord.toml" >"$state/log" 2>&1 &
daemon=$!
trap 'kill "$daemon"; wait "$daemon" || true; rm -rf "$state"' EXIT
tenths=600
until "$here/target/release/executor" --socket "$socket" status >/dev/null 2>&1; do
    tenths=$((tenths - 1))
    [ "$tenths" -gt 0 ] && kill -0 "$daemon" || {
        echo "executord did not start; its log:" >&2
        cat "$state/log" >&2
        exit 1
    }
    sleep 0.1
done
"$here/target/release/executor" --socket "$socket" install --all --languages "$state/languages"
"$here/target/release/executor" --socket "$socket" check --time
