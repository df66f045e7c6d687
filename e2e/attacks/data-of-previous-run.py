# tries: to find what the previous run left, in every place where something can be left
# threat: a/left-overs
# stopped-by: everything writable is in the run's own namespaces and file systems
# any-language: true
# runs: 2
# stdout-has: BLOCKED
# after: no key left
# after: no POSIX message queue left
import ctypes
import glob
import os
import socket

libc = ctypes.CDLL(None, use_errno=True)
for directory in ("/box", "/tmp", "/dev/shm", "/build"):
    for name in (os.listdir(directory) if os.path.isdir(directory) else []):
        # Started from another language, it has files of that language.
        if name == "left" or name not in ("main.py", "__pycache__") and not os.path.exists("/box/attack"):
            print("ESCAPED: found", directory, name)
    try:
        open(os.path.join(directory, "left"), "w").write("x")
    except OSError as error:
        print("BLOCKED:", directory, error.strerror)
for kind, size in (("shm", 4096), ("sem", 1), ("msg", 0)):
    before = open("/proc/sysvipc/" + kind).read().splitlines()[1:]
    print("ESCAPED: found" if before else "BLOCKED: no", kind, before)
libc.shmget(0x51, 4096, 0o1600)
libc.semget(0x51, 1, 0o1600)
libc.msgget(0x51, 0o1600)
print("ESCAPED: a queue" if libc.mq_open(b"/left", 0o102, 0o600, None) >= 0 else "BLOCKED: no POSIX queues")
print("ESCAPED: a key" if libc.syscall(248, b"user", b"left", b"x", 1, -3) >= 0 else "BLOCKED: no keys")
server = socket.socket(socket.AF_UNIX)
server.bind("\0left")
server.listen()
print("BLOCKED: the abstract name was free")
