# tries: to use the system calls that change or inspect the host: mounts, namespaces, tracing, modules, keys, time, BPF
# threat: a/kernel-surface
# stopped-by: the filter, and no capabilities
# any-language: true
# stdout-has: BLOCKED
import ctypes
import errno
import os
import platform

libc = ctypes.CDLL(None, use_errno=True)
text, parent = ctypes.c_char_p, os.getppid()
# Number on x86-64, number elsewhere, and arguments.
CALLS = {
    "ptrace": (101, 117, 16, parent, 0, 0), "mount": (165, 40, text(b"none"), text(b"/tmp"), text(b"tmpfs"), 0, 0),
    "bind mount": (165, 40, text(b"/box"), text(b"/usr"), 0, 4096, 0), "umount2": (166, 39, text(b"/proc"), 2),
    "pivot_root": (155, 41, text(b"/tmp"), text(b"/tmp")), "chroot": (161, 51, text(b"/tmp")),
    "unshare user": (272, 97, 0x10000000), "unshare mount": (272, 97, 0x20000), "unshare network": (272, 97, 0x40000000),
    "open_tree": (428, 428, -100, text(b"/"), 1), "fsopen": (430, 430, text(b"tmpfs"), 0), "reboot": (169, 142, 0, 0, 0, 0),
    "swapon": (167, 224, text(b"/box/main"), 0), "sethostname": (170, 161, text(b"x"), 1), "settimeofday": (164, 170, 0, 0),
    "init_module": (175, 105, 0, 0, text(b"")), "finit_module": (313, 273, 0, text(b""), 0), "kexec_load": (246, 104, 0, 0, 0, 0),
    "bpf": (321, 280, 0, 0, 0), "perf_event_open": (298, 241, 0, 0, -1, -1, 0), "add_key": (248, 217, 0, 0, 0, 0, 0),
    "keyctl": (250, 219, 0, -3, 1), "userfaultfd": (323, 282, 0), "io_uring_setup": (425, 425, 1, 0), "acct": (163, 89, 0),
    "fanotify_init": (300, 262, 0, 0), "open_by_handle_at": (304, 265, -100, 0, 0), "quotactl": (179, 60, 0, 0, 0, 0),
    "syslog": (103, 116, 3, 0, 0), "process_vm_readv": (310, 270, parent, 0, 0, 0, 0, 0), "setuid": (105, 146, 0),
    "setgid": (106, 144, 0), "setgroups": (116, 159, 0, 0),
}
REFUSED = {errno.EPERM, errno.ENOSYS, errno.EACCES}
is_x86 = platform.machine() == "x86_64"
for name, (x86, other, *arguments) in CALLS.items():
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(x86 if is_x86 else other), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    number = ctypes.get_errno()
    refused = result == -1 and number in REFUSED
    print("BLOCKED:" if refused else "ESCAPED:", name, result, errno.errorcode.get(number, number))
