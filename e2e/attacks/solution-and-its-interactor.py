# tries: as a solution, to find the interactor, and to keep the dialogue open after its end
# threat: a/judges
# stopped-by: no file, pipe or process is shared; the end of the main process ends the rest
# verdict: accepted
# stdout-has: BLOCKED
# transcript: true
# within-ms: 20000
import os
import stat

names = [name for name in os.listdir("/box") if "interactor" in name or name == "judge"]
others = [pid for pid in os.listdir("/proc") if pid.isdigit() and int(pid) not in (1, os.getpid())]
print("ESCAPED:" if names or others else "BLOCKED: nothing of the interactor", names, others, flush=True)
for descriptor in range(3, 64):
    try:
        os.fstat(descriptor)
    except OSError:
        continue
    if stat.S_ISFIFO(os.fstat(descriptor).st_mode) or stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        print("ESCAPED: descriptor", descriptor, flush=True)
input()
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        os.execvp("sleep", ["sleep", "600"])
# === interactor.py
import sys

line = input()
print("go on", flush=True)
print(line, file=sys.stderr)
sys.exit(0 if line.startswith("BLOCKED") else 1)
