# tries: to read the memory and environment of init, and open its descriptors
# threat: a/host-files
# stopped-by: hidepid, init has another uid and is not dumpable
# any-language: true
# stdout-has: BLOCKED
import os

for name in ("environ", "maps", "mem", "fd", "cwd", "root", "exe", "ns/pid", "stack", "fdinfo", "task/1/environ"):
    path = "/proc/1/" + name
    try:
        if os.path.isdir(path) and not name == "root":
            print("ESCAPED: listed", path, os.listdir(path))
        else:
            with open(path, "rb") as file:
                print("ESCAPED: read", path, file.read(100))
    except OSError as error:
        print("BLOCKED:", path, error.strerror)
