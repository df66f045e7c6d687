import os
import signal

print(signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGPIPE), flush=True)
print(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])), flush=True)
for line in open("/proc/self/status"):
    if line.startswith(("SigBlk", "SigIgn", "SigCgt")):
        # Without 32 and 33, which belong to the C library.
        print(line.split(":")[0], hex(int(line.split()[1], 16) & 0x7FFFFFFF), flush=True)
os.kill(os.getpid(), signal.SIGTERM)
