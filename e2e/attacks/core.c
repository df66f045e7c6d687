// tries: to cause a core dump, where its limit allows it or a handler of the host takes it
// threat: a/core-dumps
// stopped-by: a core limit of 1, which the kernel treats as no core dump at all
// status: signal
// signal: 11
// after: no core file on the host
// after: core_pattern pipe handler not started
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    if (setrlimit(RLIMIT_CORE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY}) == 0) puts("ESCAPED: raised the limit");
    int status;
    if (fork() == 0) {
        // The soft limit may be lowered; a pipe handler is started regardless of it.
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 1});
        prctl(PR_SET_DUMPABLE, 1);
        raise(SIGSEGV);
    }
    wait(&status);
    if (WCOREDUMP(status)) puts("ESCAPED: dumped");
    fflush(stdout);
    *(volatile int *)0 = 1;
}
