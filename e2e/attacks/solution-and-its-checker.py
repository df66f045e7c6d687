# tries: as a solution, to read the checker and the answer, to be where the checker's files will be, and to change its output after its end
# threat: a/judges
# stopped-by: the checker begins when nothing of the solution is left, in another sandbox
# verdict: wrong_answer
# stdout-has: BLOCKED
# message-has: not the answer
import os
import sys
import time

hidden = "JURY" + "SECRET"
for directory in ("/box", "/tmp", "/dev/shm", "/build", "/launcher", "/home"):
    for parent, _, names in os.walk(directory):
        for name in names:
            try:
                with open(os.path.join(parent, name), errors="replace") as file:
                    if hidden in file.read(1 << 20):
                        print("ESCAPED: the answer is in", name)
            except OSError:
                pass
for name in ("judge", "checker", "input", "output", "answer"):
    if os.path.exists(f"/box/{name}"):
        print("ESCAPED:", name)
print("BLOCKED: no file of the checker")
os.mkdir("/box/judge")
for name in ("input", "output", "answer"):
    os.symlink("/etc/passwd", f"/box/judge/{name}")
with open("/box/checker.py", "w") as file:
    file.write("import sys\nsys.exit(0)\n")
sys.stdout.flush()
if os.fork() == 0:
    os.setsid()
    while True:
        os.write(1, b"\n" + hidden.encode() + b"\n")
        time.sleep(0.01)
# === checker.py
import sys

output = open(sys.argv[2]).read().split()
right = bool(output) and output[0] == "JURYSECRET"
print("the answer" if right else "not the answer", file=sys.stderr)
sys.exit(0 if right else 1)
