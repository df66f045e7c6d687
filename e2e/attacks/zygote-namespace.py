# tries: to change, enter or leave the user namespace of a zygote, and to reach the zygote and its next programs from it
# threat: d/neighbours
# stopped-by: maps that are written already, no capability in any namespace, seccomp, pid namespace, empty bounding set
# runs: 2
# status: ok
# stdout-has: BLOCKED
import ctypes
import errno
import os
import re
import resource
import signal

libc = ctypes.CDLL(None, use_errno=True)


def attempt(what, call):
    try:
        result = call()
    except OSError as error:
        print("BLOCKED:", what, errno.errorcode.get(error.errno))
    else:
        print("ESCAPED:", what, result)


def system_call(number, *arguments):
    result = libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


own = os.getuid()
status = dict(line.split(":\t") for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
held = {name: status[name] for name in status if name.startswith("Cap") and int(status[name], 16)}
print("ESCAPED: capabilities" if held else "BLOCKED: no capability", held)
print("BLOCKED:" if status["Groups"].strip() == "" and status["NoNewPrivs"] == "1" else "ESCAPED:", status["Groups"])

# The maps, and what the namespace lets its processes do.
for name in ("uid_map", "gid_map", "projid_map"):
    for text in (f"0 {own} 1\n", "0 0 1\n", f"{own} {own} 1\n"):
        attempt(name, lambda: write(f"/proc/self/{name}", text))
for text in ("allow", "deny"):
    attempt("setgroups", lambda: write("/proc/self/setgroups", text))
attempt("setgroups(2)", lambda: os.setgroups([own]))
for uid in (0, 65534, own - 1, own + 1, *range(507904, 507914), 524287):
    if uid != own:
        attempt(f"become {uid}", lambda: os.setresuid(uid, uid, uid))
        attempt(f"become group {uid}", lambda: os.setresgid(uid, uid, uid))

# Its limits and those of the namespaces that it owns.
for directory, _, names in os.walk("/proc/sys"):
    for name in names:
        path = os.path.join(directory, name)
        try:
            os.close(os.open(path, os.O_WRONLY))
        except OSError:
            continue
        print("ESCAPED: can write", path)
print("BLOCKED: /proc/sys")

# Namespaces by descriptor: the owner and the parent of each, from linux/nsfs.h.
NS_GET_USERNS, NS_GET_PARENT = 0xB701, 0xB702
for name in sorted(os.listdir("/proc/self/ns")):
    space = os.open(f"/proc/self/ns/{name}", os.O_RDONLY)
    attempt(f"enter {name}", lambda: system_call(308, space, 0))
    for request, what in ((NS_GET_USERNS, "owner"), (NS_GET_PARENT, "parent")):
        other = libc.ioctl(space, request)
        if other >= 0:
            attempt(f"enter the {what} of {name}", lambda: system_call(308, other, 0))
            above = libc.ioctl(other, NS_GET_PARENT)
            print("ESCAPED:" if above >= 0 else "BLOCKED:", f"the parent of the {what} of {name}")
# CLONE_NEWUSER and every other namespace, by unshare(2).
for flag in (0x10000000, 0x20000, 0x20000000, 0x40000000, 0x8000000, 0x4000000, 0x2000000, 0x80):
    attempt(f"unshare {flag:x}", lambda: system_call(272, flag))

# Init, which is root of the namespace, and everything else that has a pid.
for pid in (1, os.getppid(), 300, 301):
    attempt(f"signal {pid}", lambda: os.kill(pid, 0))
    attempt(f"trace {pid}", lambda: system_call(101, 16, pid, 0, 0))
    attempt(f"read memory of {pid}", lambda: open(f"/proc/{pid}/mem", "rb"))
    attempt(f"map of {pid}", lambda: write(f"/proc/{pid}/uid_map", f"0 {own} 1\n"))
    attempt(f"limits of {pid}", lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE))
    attempt(f"scheduling of {pid}", lambda: os.sched_setaffinity(pid, {0}))
seen = [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
print("ESCAPED:" if seen else "BLOCKED:", "processes", seen)
attempt("stop a process group", lambda: os.killpg(1, signal.SIGSTOP))

# The cgroups that zygotes may start processes in.
cgroups = [line for line in open("/proc/self/cgroup") if not line.rstrip("\n").endswith(":/")]
print("ESCAPED:" if cgroups else "BLOCKED:", "paths of cgroups", cgroups)
mounted = [line for line in open("/proc/self/mountinfo") if re.search(r" - cgroup", line)]
print("ESCAPED:" if mounted else "BLOCKED:", "cgroup file systems", mounted)
attempt("mount cgroup2", lambda: system_call(165, b"none", b"/tmp", b"cgroup2", 0, 0))

# Keyrings, which belong to users of a namespace, and files without a name in the files of the host.
for keyring in (-3, -4, -5):
    attempt(f"keyring {keyring}", lambda: system_call(250, 0, keyring, 1))
for path in ("/", "/usr", "/usr/lib", "/etc", "/usr/local/lib/python3"):
    attempt(f"unnamed file in {path}", lambda: os.open(path, os.O_TMPFILE | os.O_RDWR))

# What the zygote had open.
names = {}
for number in os.listdir("/proc/self/fd"):
    try:
        names[number] = os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        pass
unexpected = {number: name for number, name in names.items() if not re.match(r"(pipe:|/proc/\d+/|/dev/null|net:|user:|\w+:\[)", name)}
print("ESCAPED:" if unexpected else "BLOCKED:", "descriptors", unexpected)
