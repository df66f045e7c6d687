# tries: to keep its output files from being read, or to outlive them: no memory left, a full disk, and processes that ignore SIGTERM
# threat: a/output-files
# stopped-by: the collector is not in the sandbox, and waits for its end
# outputs: kept.txt
# returns: ["kept.txt"]
# status: memory
# limits: memory_bytes=67108864 disk_bytes=33554432
import os
import signal

signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open("kept.txt", "w") as file:
    file.write("kept\n")
try:
    with open("fill", "wb") as file:
        while True:
            file.write(bytes(1 << 20))
except OSError:
    pass
for number in range(4):
    if os.fork() == 0:
        os.setsid()
        while True:
            signal.pause()
hold = []
while True:
    hold.append(bytearray(1 << 20))
