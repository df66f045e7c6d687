// tries: to find, kill, stop, trace and slow down the process that reads its output files
// threat: a/output-files
// stopped-by: the collector is outside the pid namespace, and its real uid is another one
// outputs: kept.txt
// returns: ["kept.txt"]
// stdout-has: BLOCKED
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    FILE *kept = fopen("kept.txt", "w");
    fputs("kept\n", kept);
    fclose(kept);
    int reached = 0;
    for (int pid = 2; pid < 70000; pid++) {
        if (pid == getpid()) continue;
        struct rlimit none = {0, 0};
        if (kill(pid, SIGSTOP) == 0 || ptrace(PTRACE_ATTACH, pid, 0, 0) == 0 ||
            prlimit(pid, RLIMIT_CPU, &none, 0) == 0 || setpriority(PRIO_PROCESS, pid, 19) == 0)
            reached++;
    }
    printf("%s: %d processes reached\n", reached ? "ESCAPED" : "BLOCKED", reached);
    setpriority(PRIO_USER, getuid(), 19);
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; (entry = readdir(proc));) {
        int pid = atoi(entry->d_name);
        if (pid > 1 && pid != getpid()) printf("ESCAPED: sees process %d\n", pid);
    }
    fflush(stdout);
    // Everything that this user may signal, and then itself.
    if (fork() == 0) {
        setsid();
        kill(-1, SIGKILL);
    }
    wait(0);
    return 0;
}
