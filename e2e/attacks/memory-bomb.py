# tries: to hold more memory than its limit, in four processes together
# threat: a/memory
# stopped-by: the memory cgroup without swap
# any-language: true
# stdout-has: BLOCKED
import os
import time

PART = 1024
print("BLOCKED: started", flush=True)
full, report = os.pipe()
for _ in range(4):
    if os.fork() == 0:
        held = []
        try:
            while len(held) < PART:
                held.append(bytearray(b"x" * (1 << 20)))
            os.write(report, b"x")
            time.sleep(60)
        finally:
            os._exit(0)
os.close(report)
count = 0
while os.read(full, 1):
    count += 1
    if count == 4:
        print("ESCAPED: each of four processes holds", PART, "MiB")
        break
