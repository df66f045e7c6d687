# tries: to start processes without end, half of them in sessions of their own
# threat: a/fork-bombs
# stopped-by: the limit of processes, and the end of init
# any-language: true
# limits: wall_ms=8000
# stdout-has: BLOCKED
# after: host pid count stable
echo "BLOCKED: started"
bomb() {
    setsid sh -c 'while :; do sleep 100 & done' 2>/dev/null &
    bomb 2>/dev/null | bomb 2>/dev/null &
}
bomb
while :; do sleep 100 2>/dev/null; done
