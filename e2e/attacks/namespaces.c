// tries: to enter or create another namespace by every way: clone, clone3, unshare, setns, the x32 and the 32-bit entry
// threat: a/kernel-surface
// stopped-by: seccomp
// stdout-has: BLOCKED
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void report(const char *how, unsigned long flag, long answer) {
    if (answer == 0 && !strncmp(how, "clone", 5)) _exit(0);
    printf(answer >= 0 ? "ESCAPED: %s %lx\n" : "BLOCKED: %s %lx: %s\n", how, flag, strerror(errno));
    fflush(stdout);
}

int main(void) {
    unsigned long flags[] = {0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000};
    for (int i = 0; i < 8; i++) {
        uint64_t arguments[11] = {flags[i], 0, 0, 0, SIGCHLD};
        if (flags[i] != 0x80) report("clone", flags[i], syscall(SYS_clone, flags[i] | SIGCHLD, 0, 0, 0, 0));
        report("clone3", flags[i], syscall(435, arguments, sizeof arguments));
        report("unshare", flags[i], unshare(flags[i]));
        report("unshare x32", flags[i], syscall(0x40000000 + SYS_unshare, flags[i]));
    }
    DIR *spaces = opendir("/proc/self/ns");
    for (struct dirent *entry; (entry = readdir(spaces));) {
        int space = openat(dirfd(spaces), entry->d_name, O_RDONLY);
        if (space < 0 || entry->d_name[0] == '.') continue;
        report("setns to its own", 0, setns(space, 0));
        int owner = ioctl(space, _IO(0xb7, 1)), parent = ioctl(space, _IO(0xb7, 2)), next = ioctl(space, _IO(0xb7, 11));
        if (owner >= 0) report("setns to the owner", 0, setns(owner, 0));
        if (parent >= 0) report("setns to the parent", 0, setns(parent, 0));
        if (next >= 0) printf("ESCAPED: another mount namespace\n");
    }
    int other = open("/proc/1/ns/mnt", O_RDONLY);
    report("init's mount namespace", 0, other);
}
