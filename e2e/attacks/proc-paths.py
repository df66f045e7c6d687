# tries: to reach the host's files through the magic links of /proc
# threat: a/host-files
# stopped-by: its own root file system and pid namespace
# any-language: true
# stdout-has: BLOCKED
import os

ROOTS = ["/proc/self/root", "/proc/thread-self/root", "/proc/self/cwd/..", "/proc/self/fd/../root", "/proc/1/root",
         "/proc/1/cwd", "/proc/2/root", "/proc/self/task/%d/root" % os.getpid(), "/..", "/../../../.."]
SECRETS = ["etc/shadow", "root", "var/lib", "var/log", "sys/fs/cgroup", "proc/1/environ", "boot", "etc/machine-id",
           "etc/hostname", "home", "run/executor", "dev/kmsg", "dev/mem", "dev/vda", "dev/sda"]
for root in ROOTS:
    for secret in SECRETS:
        path = os.path.join(root, secret)
        try:
            if os.path.isdir(path):
                names = [name for name in os.listdir(path) if not name.startswith("exec_")]
                print("ESCAPED: listed" if names else "BLOCKED: empty", path, names[:3])
            else:
                text = open(path, "rb").read(100)
                own = secret == "etc/hostname" and text == b"executor\n"
                print("BLOCKED: our own" if own else "ESCAPED: read", path, text[:40])
        except OSError as error:
            print("BLOCKED:", path, error.strerror)
for name in os.listdir("/proc/self/map_files"):
    try:
        os.open("/proc/self/map_files/" + name, os.O_RDWR)
        print("ESCAPED: opened to write", name)
    except OSError as error:
        print("BLOCKED: map_files", error.strerror)
