# tries: to meet a concurrent run over the network, socket names, shared memory or its user
# threat: d/neighbours
# stopped-by: separate namespaces, a separate user
# any-language: true
# parallel: 3
# stdout-has: BLOCKED
# distinct-across-parallel-runs: UID=(\d+)
import os
import socket
import time

print("UID=%d" % os.getuid())
tcp = socket.create_server(("127.0.0.1", 45678))
unix = socket.socket(socket.AF_UNIX)
unix.bind("\0neighbour")
unix.listen()
for listener in (tcp, unix):
    listener.settimeout(2)
open("/dev/shm/neighbour", "x").write(str(os.getuid()))
open("/tmp/neighbour", "x").write(str(os.getuid()))
time.sleep(0.5)
for listener, what in ((tcp, "the network"), (unix, "a name")):
    try:
        listener.accept()
        print("ESCAPED: met over", what)
    except OSError:
        print("BLOCKED: nobody came over", what)
for path in ("/dev/shm/neighbour", "/tmp/neighbour"):
    if open(path).read() != str(os.getuid()):
        print("ESCAPED: met in", path)
