# tries: to use every device and every ioctl that affects more than itself
# threat: a/kernel-surface
# stopped-by: five harmless devices, no capabilities, seccomp
# any-language: true
# stdout-has: BLOCKED
import errno
import fcntl
import os
import struct

names = sorted(os.listdir("/dev"))
allowed = {"fd", "full", "null", "random", "shm", "stderr", "stdin", "stdout", "urandom", "zero"}
print("ESCAPED:" if set(names) - allowed else "BLOCKED:", "devices", names)
REQUESTS = {"RNDADDTOENTCNT": 0x40045201, "RNDZAPENTCNT": 0x5204, "RNDCLEARPOOL": 0x5206, "FIFREEZE": 0xC0045877,
            "FITHAW": 0xC0045878, "FITRIM": 0xC0185879, "FIBMAP": 1, "TIOCSTI": 0x5412, "TIOCLINUX": 0x541C,
            "TIOCSETD": 0x5423, "TIOCCONS": 0x541D, "TIOCSCTTY": 0x540E, "FS_IOC_SETFLAGS": 0x40086602,
            "EXT4_IOC_RESIZE": 0x40086610, "EXT4_IOC_SHUTDOWN": 0x8004587D, "BLKROSET": 0x125D, "FS_IOC_ENABLE_VERITY": 0x40806685,
            "EXT4_IOC_MIGRATE": 0x6609, "FS_IOC_ADD_ENCRYPTION_KEY": 0xC0506617}
for path in ("/dev/null", "/dev/random", "/dev/zero", "/usr", "/usr/bin/env", "/proc", "/"):
    file = os.open(path, os.O_RDONLY)
    for name, request in REQUESTS.items():
        try:
            fcntl.ioctl(file, request, bytearray(128))
            print("ESCAPED:", path, name)
        except OSError as error:
            print("BLOCKED:", path, name, errno.errorcode.get(error.errno))
