# tries: to stay forever without using the CPU, and to survive the request to end
# threat: a/time
# stopped-by: the wall-clock limit, and SIGKILL to init
# any-language: true
# status: timeout
# limits: wall_ms=8000
# stdout-has: BLOCKED
# within-ms: 20000
trap '' HUP INT TERM USR1 USR2
echo "BLOCKED: started"
(trap '' HUP INT TERM; setsid sleep 600) &
while :; do sleep 100; done
