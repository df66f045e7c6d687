# tries: to use up the inotify instances of root and of other programs
# threat: d/neighbours
# stopped-by: the kernel counts them for each user; the user namespace of a zygote belongs to a user of its slot only
# parallel: 3
# during: host can watch files
# status: ok
# stdout-has: BLOCKED
import ctypes
import time

libc = ctypes.CDLL(None)
count = 0
while libc.inotify_init1(0) >= 0:
    count += 1
# Until the others have tried, too.
time.sleep(1)
print("BLOCKED:" if count >= 100 else "ESCAPED:", count, "instances")
