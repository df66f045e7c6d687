# tries: to open other terminals than its own, and create new ones
# threat: a/terminal
# stopped-by: a private devpts with one terminal, whose ptmx belongs to root
# tty: true
# stdout-has: BLOCKED
# status: ok
import glob
import os
import pty
import stat

ALLOWED = {"/dev/tty", "/dev/pts/0"}
names = ["/dev/ptmx", "/dev/pts/ptmx", "/dev/console", "/dev/tty0", "/dev/tty1", "/dev/ttyS0", "/dev/vcs", "/dev/hvc0"]
names += [f"/dev/pts/{number}" for number in range(64)] + glob.glob("/dev/**", recursive=True)
names += glob.glob("/proc/[0-9]*/fd/*")
own = {os.stat(0).st_rdev, os.stat("/dev/tty").st_rdev}
for name in names:
    try:
        if not stat.S_ISCHR(os.stat(name).st_mode) or os.stat(name).st_rdev in own:
            continue
        file = os.open(name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        print("ESCAPED:" if os.isatty(file) else "BLOCKED: no terminal:", name)
        os.close(file)
    except OSError as error:
        print("BLOCKED:", name, error.strerror)
for name in ("/dev/pts/ptmx", "/dev/pts/0", "/dev/pts"):
    for operation in (lambda: os.chmod(name, 0o666), lambda: os.chown(name, os.getuid(), os.getgid())):
        try:
            operation()
            print("ESCAPED: changed" if name != "/dev/pts/0" else "BLOCKED: it is its own", name)
        except OSError as error:
            print("BLOCKED:", name, error.strerror)
for operation in (lambda: pty.openpty(), lambda: os.mknod("/tmp/ptmx", stat.S_IFCHR | 0o666, os.makedev(5, 2)),
             lambda: os.mknod("/dev/pts/9", stat.S_IFCHR | 0o666, os.makedev(136, 9)),
             lambda: os.symlink("/dev/pts/0", "/dev/pts/x"), lambda: os.unlink("/dev/pts/0")):
    try:
        print("ESCAPED:", operation())
    except OSError as error:
        print("BLOCKED:", error.strerror)
