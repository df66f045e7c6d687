# tries: to hold a large upload in memory, by not reading it and by processes that keep stdin open
# threat: b/overload
# stopped-by: an upload belongs to its execution, and ends with it
# upload: 33554432
# status: ok
import os

os.read(0, 1)
for _ in range(4):
    if os.fork() == 0:
        os.setsid()
        os.execvp("sleep", ["sleep", "600"])
print("done")
