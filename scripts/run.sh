#!/bin/sh
# Starts executord and webd from this checkout's release build, without systemd, and executes the example program of each
# available language through HTTP: run.sh PORT. Requires root: executord creates users and sandboxes, and webd is started
# as a user without privileges. `make stop` stops both.
set -eu
port=${1:-3000}
here=$(cd "$(dirname "$0")/.." && pwd)
# webd's user and the users of the sandboxes may not be able to read the checkout, so the files are installed elsewhere.
installed=/usr/local/lib/executor
state=/run/executor-dev
socket=/run/executor/executord.sock

"$here/scripts/stop.sh"
echo "installing into $installed"
rm -rf "$installed"
install -d "$installed" "$state"
install -m 755 "$here/target/release/executord" "$here/target/release/webd" "$here/target/release/executor" \
    "$here/target/release/executor-sandbox" "$installed"
cp -r "$here/target/languages" "$installed/languages"
chmod -R a+rX "$installed"
cp -r "$here/target/web" "$installed/web"

# The command line is on PATH until `make stop`, unless another executor is there.
command=/usr/local/bin/executor
[ -e "$command" ] || [ -L "$command" ] || ln -s "$installed/executor" "$command"

cat >"$state/executord.toml" <<EOF
helper = "$installed/executor-sandbox"
languages = ["$installed/languages", "/etc/executor/languages"]
EOF

wait_for() { # wait_for SECONDS WHAT COMMAND...
    tenths=$(($1 * 10)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        tenths=$((tenths - 1))
        [ "$tenths" -gt 0 ] || {
            echo "$what did not start; its log:" >&2
            cat "$state"/*.log >&2
            exit 1
        }
        sleep 0.1
    done
}

start() { # start NAME COMMAND...: starts it in a session of its own, so that it outlives this shell
    name=$1
    shift
    setsid "$@" >"$state/$name.log" 2>&1 </dev/null &
    echo $! >"$state/$name.pid"
}

start executord "$installed/executord" --config "$state/executord.toml"
wait_for 30 executord "$installed/executor" --socket "$socket" status
# The variable is that of webd.service.
start webd env GLIBC_TUNABLES=glibc.malloc.mmap_threshold=131072 \
    setpriv --reuid=executor-webd --regid=executor --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs \
    "$installed/webd" --listen "127.0.0.1:$port" --socket "$socket" --web "$installed/web"
wait_for 10 webd curl -fsS "http://127.0.0.1:$port/readyz"

"$installed/executor" --socket "$socket" languages
echo
# Runs the example program of each language that is available.
python3 - "http://127.0.0.1:$port" <<'EOF'
import json, sys
from urllib.request import Request, urlopen

url, failed = sys.argv[1], False
for language in json.load(urlopen(url + "/api/languages")):
    if not language["available"]:
        continue
    body = json.dumps({"language": language["name"], "code": language["example"]}).encode()
    answer = json.load(urlopen(Request(url + "/api/execute", body, {"content-type": "application/json"})))
    first_line = answer["output"].strip().partition("\n")[0]
    print("%-12s %-5s %7.1f ms  %s" % (language["name"], answer["status"], answer["usage"]["wall_ms"], first_line))
    failed |= answer["status"] != "ok"
sys.exit(failed)
EOF
cat <<EOF

page and API   http://127.0.0.1:$port
socket         $socket (root and members of the group executor; try: executor run FILE)
over HTTP      executor --url http://127.0.0.1:$port run FILE
logs           $state/executord.log, $state/webd.log
stop           make stop
EOF
