# tries: to stop or kill init, every process that it can name, and then all processes at once
# threat: a/other-processes
# stopped-by: a pid namespace, and an init of another user
# any-language: true
# stdout-has: BLOCKED
for signal in STOP KILL TERM; do
    kill -s "$signal" 1 2>/dev/null && echo "ESCAPED: $signal to init" || echo "BLOCKED: $signal to init"
done
own=" $(grep -s -l "^Uid:[[:space:]]*$(id -u)[[:space:]]" /proc/[0-9]*/status | grep -o '[0-9]*' | tr '\n' ' ') "
number=2
while [ "$number" -lt 3000 ]; do
    case $own in
    *" $number "*) ;;
    *) kill -s CONT "$number" 2>/dev/null && [ -d "/proc/$number" ] && [ ! -O "/proc/$number" ] && echo "ESCAPED: a signal to $number" ;;
    esac
    number=$((number + 1))
done
echo "BLOCKED: before the end"
kill -s KILL -- -1
