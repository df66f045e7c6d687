# tries: to stop file locks of the whole host by reading /proc/locks, and to set pressure triggers for the whole host
# threat: a/host-writes
# stopped-by: both are masked; init opens /proc/locks before
# any-language: true
# stdout-has: BLOCKED

import os

try:
    open("/proc/locks")
    print("ESCAPED: /proc/locks")
except OSError as error:
    print("BLOCKED:", error.strerror)
for name in ("cpu", "io", "memory", "irq"):
    try:
        file = os.open("/proc/pressure/" + name, os.O_RDWR | os.O_NONBLOCK)
        os.write(file, b"some 150000 2000000\0")
        print("ESCAPED: a trigger on", name)
    except OSError as error:
        print("BLOCKED:", name, error.strerror)
try:
    os.open("/proc/locks", os.O_WRONLY)
    print("ESCAPED: /proc/locks is writable")
except OSError as error:
    print("BLOCKED:", error.strerror)
