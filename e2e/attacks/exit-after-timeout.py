# tries: to end with exit code 0 after its time is over, by handling SIGTERM
# threat: a/forged-status
# stopped-by: the first cause counts, and it is the daemon's
# status: timeout
# limits: wall_ms=1500
# stdout-has: asked to end
import os
import signal
import sys


def end(*_):
    print("asked to end", flush=True)
    os._exit(0)


signal.signal(signal.SIGTERM, end)
while True:
    signal.pause()
