# tries: as a checker, to change the uploaded input that the daemon holds, or to reach it by a descriptor
# threat: a/judges
# stopped-by: the upload is sealed, and the checker has a copy
# role: checker
# upload: 8388608
# verdict: accepted
# stdout-has: 8388608
# message-has: BLOCKED
import os
import sys

path = sys.argv[1]
size = os.path.getsize(path)
if size != 8388608:
    sys.exit(3)
with open(path, "r+b") as file:
    file.write(b"forged")
    file.truncate(1 << 20)
found = []
for descriptor in os.listdir("/proc/self/fd"):
    try:
        target = os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        continue
    if "memfd" in target:
        found.append(target)
print(f"ESCAPED: {found}" if found else "BLOCKED: no memory file", file=sys.stderr)
for name in ("input", "output", "answer"):
    os.remove(f"/box/judge/{name}")
    os.symlink("/proc/1/fd/3", f"/box/judge/{name}")
# === solution.sh
wc -c
