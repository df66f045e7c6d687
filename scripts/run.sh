#!/bin/sh
# Starts executord and webd from this checkout's release build, without systemd, and executes a program in each
# of four languages through HTTP: run.sh PORT. Needs root: executord makes users and sandboxes, and webd is
# started as a user without any privilege. `make stop` ends both.
set -eu
port=${1:-3000}
here=$(cd "$(dirname "$0")/.." && pwd)
# webd's user and the sandboxes must be able to read what they run, wherever the checkout is.
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
            echo "$what did not come up; its log:" >&2
            cat "$state"/*.log >&2
            exit 1
        }
        sleep 0.1
    done
}

start() { # start NAME COMMAND...: in a session of its own, so that it outlives this shell
    name=$1
    shift
    setsid "$@" >"$state/$name.log" 2>&1 </dev/null &
    echo $! >"$state/$name.pid"
}

start executord "$installed/executord" --config "$state/executord.toml"
wait_for 30 executord "$installed/executor" --socket "$socket" status
start webd setpriv --reuid=executor-webd --regid=executor --clear-groups --inh-caps=-all --bounding-set=-all \
    --no-new-privs "$installed/webd" --listen "127.0.0.1:$port" --socket "$socket" --web "$installed/web"
wait_for 10 webd curl -fsS "http://127.0.0.1:$port/readyz"

"$installed/executor" --socket "$socket" languages
echo
execute() { # execute LANGUAGE CODE
    printf '%-12s' "$1"
    printf '%s' "$2" | python3 -c 'import json, sys; print(json.dumps({"language": sys.argv[1], "code": sys.stdin.read()}))' "$1" |
        curl -fsS "http://127.0.0.1:$port/api/execute" -H 'content-type: application/json' --data-binary @- |
        python3 -c 'import json, sys
answer = json.load(sys.stdin)
print("%-5s %7.1f ms  %s" % (answer["status"], answer["usage"]["wall_ms"], answer["output"].strip()))
sys.exit(answer["status"] != "ok")'
}
execute javascript 'console.log("Hello from", process.release.name, process.version, "as", require("os").userInfo().username)'
execute python 'import getpass, platform
print("Hello from Python", platform.python_version(), "as", getpass.getuser())'
execute cpp '#include <iostream>
#include <unistd.h>
int main() { std::cout << "Hello from C++ " << __cplusplus << " as uid " << getuid() << std::endl; }'
execute java 'public class Hello {
    public static void main(String[] args) {
        System.out.println("Hello from Java " + System.getProperty("java.version") + " as " + System.getProperty("user.name"));
    }
}'
cat <<EOF

page and API   http://127.0.0.1:$port
socket         $socket (root and members of the group executor; try: $installed/executor run FILE)
logs           $state/executord.log, $state/webd.log
end it         make stop
EOF
