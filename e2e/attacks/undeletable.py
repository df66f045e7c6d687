# tries: to create files that cannot be deleted, walked or named
# threat: a/cleaning-up
# stopped-by: no process deletes them: the file system ends with its namespace
# any-language: true
# stdout-has: BLOCKED
# within-ms: 8000
import fcntl
import os
import socket
import struct

os.mkfifo("fifo")
socket.socket(socket.AF_UNIX).bind("socket")
for number in range(200):
    os.makedirs("closed/%d" % number)
    os.chmod("closed/%d" % number, 0)
os.chmod("closed", 0)
for name in (b"\xff\xfe", b"-rf", b"new\nline", b"\x1b[31m", b" ", b"$(id)", b"x" * 255):
    os.mkdir(name)
os.symlink("/", "root")
os.symlink("loop", "loop")
here = os.open("/tmp", os.O_RDONLY)
for depth in range(1500):
    os.mkdir("d", dir_fd=here)
    deeper = os.open("d", os.O_RDONLY, dir_fd=here)
    os.close(here)
    here = deeper
try:
    fcntl.ioctl(here, 0x40086602, struct.pack("l", 0x30))
    print("ESCAPED: made it immutable")
except OSError as error:
    print("BLOCKED: immutable:", error.strerror)
os.mknod("/tmp/whiteout", 0o020600, os.makedev(0, 0))
for device in ((1, 1), (8, 0), (254, 0), (5, 1)):
    try:
        os.mknod("/tmp/device", 0o060600, os.makedev(*device))
        print("ESCAPED: made a device")
    except OSError as error:
        print("BLOCKED: device:", error.strerror)
