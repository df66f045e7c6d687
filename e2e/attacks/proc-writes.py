# tries: to change what /proc allows to change: kernel settings, its own rights, the order of OOM kills
# threat: a/host-writes
# stopped-by: read-only /proc/sys, masked files, no capabilities
# any-language: true
# stdout-has: BLOCKED
import glob
import os

for path in glob.glob("/proc/sys/**", recursive=True):
    if not os.path.isfile(path):
        continue
    try:
        os.close(os.open(path, os.O_WRONLY))
        print("ESCAPED: can write", path)
    except OSError as error:
        blocked = error.strerror
print("BLOCKED: /proc/sys", blocked)
for path, text in [("sysrq-trigger", "h"), ("self/uid_map", "0 0 1"), ("self/gid_map", "0 0 1"),
                   ("self/setgroups", "allow"), ("self/timens_offsets", "1 1 1"), ("self/loginuid", "0"),
                   ("self/oom_score_adj", "-1000"), ("self/oom_adj", "-17"), ("1/oom_score_adj", "1000"),
                   ("self/attr/current", "unconfined"), ("self/attr/exec", "unconfined"), ("kmsg", "hello"),
                   ("mtrr", "disable=0"), ("irq/default_smp_affinity", "1"), ("scsi/scsi", "x"),
                   ("dynamic_debug/control", "+p"), ("acpi/wakeup", "x"), ("self/projid_map", "0 0 1"),
                   ("self/make-it-fail", "1"), ("self/fail-nth", "1"), ("self/autogroup", "-20"),
                   ("self/patch_state", "1"), ("keys", "x"), ("kcore", "x"), ("timer_list", "x")]:
    try:
        with open("/proc/" + path, "w") as file:
            file.write(text)
        hidden = os.stat("/proc/" + path).st_rdev == os.makedev(1, 3)
        print("BLOCKED: hidden" if hidden else "ESCAPED: wrote", path)
    except OSError as error:
        print("BLOCKED:", path, error.strerror)
for path in ["kcore", "kallsyms", "keys", "key-users", "timer_list", "modules", "slabinfo", "kmsg", "config.gz",
             "iomem", "vmallocinfo", "pagetypeinfo", "sched_debug", "kpageflags", "cmdline", "interrupts"]:
    try:
        text = open("/proc/" + path, "rb").read(64)
        print("ESCAPED: read" if text else "BLOCKED: empty", path, text)
    except OSError as error:
        print("BLOCKED:", path, error.strerror)
