# tries: to have output files read through links, magic links, pipes, sockets and other file systems
# threat: a/output-files
# stopped-by: the collector opens one name at a time, beneath its directory and without links, and reads regular files only
# outputs: [!m]* dir/* linked/* magic/etc/passwd up/*
# returns: ["dir/kept.txt", "hard.txt", "kept.txt"]
# output-lacks: root:x:0
# stdout-has: BLOCKED
import os
import socket

for name, target in (
    ("passwd.txt", "/etc/passwd"), ("self.txt", "/proc/self/environ"), ("loop.txt", "loop.txt"),
    ("cwd.txt", "/proc/self/cwd/kept.txt"), ("magic", "/proc/1/root"), ("linked", "dir"), ("up", ".."),
):
    os.symlink(target, name)
os.mkfifo("fifo.txt")
socket.socket(socket.AF_UNIX).bind("socket.txt")
os.mkdir("dir")
for path in ("kept.txt", "dir/kept.txt"):
    with open(path, "w") as file:
        file.write("kept\n")
os.link("kept.txt", "hard.txt")
os.symlink("/etc/passwd", "dir/passwd.txt")
for source in ("/etc/passwd", "/etc/group", "/proc/self/status", "/usr/bin/env"):
    try:
        os.link(source, "stolen.txt")
        print("ESCAPED: linked", source)
    except OSError as error:
        print("BLOCKED:", source, error.strerror)
for device in ((1, 1), (1, 5), (5, 0)):
    try:
        os.mknod("device.txt", 0o020666, os.makedev(*device))
        print("ESCAPED: made a device")
    except OSError as error:
        print("BLOCKED: device:", error.strerror)
