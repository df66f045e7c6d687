# tries: as a checker, to find the files and processes of the solution, to change what it judges, and to leave something for its next run
# threat: a/judges
# stopped-by: a sandbox and a user of its own for each run, and copies of the files of the run
# role: checker
# runs: 2
# stdout-has: from the solution
# verdict: accepted
# message-has: BLOCKED
import glob
import os
import sys

for pattern in ("/box/secret*", "/tmp/*", "/dev/shm/*", "/build/*", "/box/judge/left"):
    found = glob.glob(pattern)
    print(f"ESCAPED: {found}" if found else f"BLOCKED: {pattern} is empty", file=sys.stderr)
others = [pid for pid in os.listdir("/proc") if pid.isdigit() and int(pid) not in (1, os.getpid())]
print(f"ESCAPED: processes {others}" if others else "BLOCKED: no other process", file=sys.stderr)
try:
    os.kill(-1, 0)
    print("ESCAPED: it can signal another process", file=sys.stderr)
except OSError as error:
    print("BLOCKED: signals:", error.strerror, file=sys.stderr)
for path in sys.argv[1:]:
    with open(path, "w") as file:
        file.write("forged\n")
for path in ("/tmp/left", "/box/judge/left", "/dev/shm/left"):
    with open(path, "w") as file:
        file.write("x" * 100_000)
if os.fork() == 0:
    os.setsid()
    for descriptor in range(3):
        os.close(descriptor)
    os.execvp("sleep", ["sleep", "600"])
# === solution.sh
echo secret >secret.txt
cp secret.txt /tmp
sleep 600 &
echo from the solution
