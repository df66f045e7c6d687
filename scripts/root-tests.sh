#!/bin/sh
# Runs the tests with real sandboxes, daemons, and compilers: LANES test files at a time (default: 2). Arguments are those of the
# test programs, such as `--skip NAME`. Requires root. The output of each file is printed when it ends, and is also in
# target/root-tests/NAME.log. All files run, even if one fails.
set -eu
cd "$(dirname "$0")/.."
logs=target/root-tests

cargo_test() {
    cargo test --color never --locked -p sandbox -p e2e --features e2e/daemons "$@"
}

# One file: root-tests.sh one NAME ARGUMENTS...
if [ "${1-}" = one ]; then
    name=$2
    shift 2
    echo "$name started"
    case $name in
    unit) set -- --lib --bins -- "$@" ;;
    doc) set -- --doc -- "$@" ;;
    *) set -- --test "$name" -- "$@" ;;
    esac
    if cargo_test "$@" --test-threads 1 >"$logs/$name.log" 2>&1; then result=ok; else result=FAILED; fi
    # One file's output at a time.
    exec 9>"$logs/lock"
    flock 9
    cat "$logs/$name.log"
    echo "$name $result"
    [ $result = ok ] || echo "$name" >>"$logs/failed"
    exit
fi

# The files that take longest, so that no lane ends much later than the others.
FIRST="limits balancer output_order languages compilers interactors daemon statuses options cluster archives"

# Cargo lists what it has built, so no file can be forgotten.
built=$(cargo_test --no-run 2>&1) || {
    echo "$built"
    exit 1
}
names=$(echo "$built" | sed -n 's|^ *Executable tests/\([a-z0-9_]*\).*|\1|p')
for name in $FIRST; do
    echo "$names" | grep -qx "$name" || {
        echo "$name is not a test: change FIRST in $0" >&2
        exit 1
    }
done
rm -rf "$logs"
mkdir -p "$logs"
# shellcheck disable=SC2086 # lists of words
printf '%s\n' $FIRST $names unit doc | awk '!seen[$0]++' |
    xargs -P "${LANES:-2}" -I NAME "$0" one NAME "$@"
[ ! -e "$logs/failed" ] || {
    echo "failed: $(paste -sd ' ' "$logs/failed")" >&2
    exit 1
}
