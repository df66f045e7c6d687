# tries: to write more than its limit, using three directories, holes and unnamed files
# threat: a/disk
# stopped-by: one tmpfs of limited size for everything writable
# any-language: true
# stdout-has: BLOCKED
# after: host disk free stable
# after: host inode count stable
import errno
import os

written = 0
for directory in ("/box", "/tmp", "/dev/shm", "/var/tmp", "/home", "/run", "/", "/build"):
    for number in range(64):
        try:
            file = os.open(directory, os.O_TMPFILE | os.O_RDWR, 0o600)
            for _ in range(64):
                written += os.write(file, b"x" * (1 << 20))
        except OSError as error:
            print("BLOCKED:", directory, errno.errorcode[error.errno])
            break
print("ESCAPED:" if written > 65 << 20 else "BLOCKED:", written >> 20, "MiB")
made = 0
try:
    while True:
        os.mknod("/tmp/%d" % made)
        made += 1
except OSError as error:
    print("BLOCKED:", made, "files", errno.errorcode[error.errno])
if made > 4200:
    print("ESCAPED:", made, "files")
