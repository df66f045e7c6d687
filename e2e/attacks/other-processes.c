// tries: to see, signal, trace or modify any process other than its own, especially init
// threat: a/other-processes
// stopped-by: pid namespace, hidepid, init has another uid, seccomp, Landlock
// stdout-has: BLOCKED
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static void report(const char *what, long answer) {
    printf(answer >= 0 ? "ESCAPED: %s\n" : "BLOCKED: %s: %s\n", what, strerror(errno));
}

int main(void) {
    char byte, path[64];
    struct iovec iov = {&byte, 1};
    struct rlimit limit;
    for (int signal = 1; signal <= 64; signal++)
        if (kill(1, signal) == 0) printf("ESCAPED: signal %d to init\n", signal);
    report("null signal to init", kill(1, 0));
    report("trace init", ptrace(PTRACE_ATTACH, 1, 0, 0));
    report("seize init", ptrace(PTRACE_SEIZE, 1, 0, 0));
    report("read init's memory", process_vm_readv(1, &iov, 1, &iov, 1, 0));
    report("init's limits", prlimit(1, RLIMIT_NOFILE, 0, &limit));
    report("init's CPUs", syscall(SYS_sched_setaffinity, 1, 8, &(long){1}));
    report("init's priority", setpriority(PRIO_PROCESS, 1, 19));
    report("init's files compared", syscall(SYS_kcmp, 1, getpid(), 0, 0, 0));
    int init = syscall(SYS_pidfd_open, 1, 0);
    if (init >= 0) {
        report("a descriptor of init", syscall(SYS_pidfd_getfd, init, 0, 0));
        report("kill init by pidfd", syscall(SYS_pidfd_send_signal, init, SIGKILL, 0, 0));
        for (int number = 1; number <= 10; number++) {
            int space = ioctl(init, _IO(0xff, number));
            if (space >= 0) {
                printf("INFO: namespace %d of init\n", number);
                report("enter it", setns(space, 0));
            }
        }
        report("enter init's", setns(init, 0x20000));
    }
    long robust;
    size_t length;
    report("init's robust list", syscall(SYS_get_robust_list, 1, &robust, &length));
    int seen = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; (entry = readdir(proc));) seen += entry->d_name[0] > '0' && entry->d_name[0] <= '9';
    printf(seen == 1 ? "BLOCKED: alone in /proc\n" : "ESCAPED: %d processes in /proc\n", seen);
    for (int pid = 1; pid < 70000; pid++) {
        snprintf(path, sizeof path, "/proc/%d/status", pid);
        if (pid != getpid() && access(path, F_OK) == 0) printf("ESCAPED: sees process %d\n", pid);
    }
}
