# tries: to run programs from places without execute permission, and scripts whose interpreters need more
# threat: a/privilege
# stopped-by: a program from memory has no more rights than one from a file
# any-language: true
# stdout-has: BLOCKED
import ctypes
import os
import subprocess

program = open("/usr/bin/id", "rb").read()
memory = os.memfd_create("id")
os.write(memory, program)
print(subprocess.run(["/proc/self/fd/%d" % memory], pass_fds=[memory], capture_output=True, text=True).stdout)
for directory in ("/dev/shm", "/proc", "/etc"):
    path = directory + "/program"
    try:
        open(path, "wb").write(program)
        os.chmod(path, 0o4755)
        subprocess.run([path])
        print("ESCAPED: ran", path)
    except OSError as error:
        print("BLOCKED:", path, error.strerror)
for flags in (0x4, 0x4 | (21 << 26)):
    huge = ctypes.CDLL(None).memfd_create(b"huge", flags)
    if huge >= 0:
        try:
            os.ftruncate(huge, 2 << 20)
            os.pwrite(huge, b"x", 0)
            print("INFO: a huge page")
        except OSError as error:
            print("BLOCKED: huge pages:", error.strerror)
