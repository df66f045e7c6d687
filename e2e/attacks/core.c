// tries: to have a core dumped, where its limit allows it or a handler of the host takes it
// threat: a/core-dumps
// stopped-by: a core limit of 1, which the kernel takes for none at all
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
        // The soft limit may go down, where a pipe is started all the same.
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 1});
        prctl(PR_SET_DUMPABLE, 1);
        raise(SIGSEGV);
    }
    wait(&status);
    if (WCOREDUMP(status)) puts("ESCAPED: dumped");
    fflush(stdout);
    *(volatile int *)0 = 1;
}
