// tries: to end while children of its parent continue, so that nobody notices
// threat: a/survivors
// stopped-by: init waits for the main process only, and kills the others with it
// status: nonzero
// exit: 5
// within-ms: 5000
// after: host pid count stable
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
    for (int i = 0; i < 10; i++)
        // A sibling, whose parent is init.
        if (syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0) == 0) {
            setsid();
            for (int signal = 1; signal < 65; signal++) sigaction(signal, &(struct sigaction){.sa_handler = SIG_IGN}, 0);
            for (;;) {
                if (syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0) == 0) _exit(0);
                printf("still here\n");
                fflush(stdout);
                usleep(1000);
            }
        }
    usleep(50000);
    _exit(5);
}
