// tries: to be unreachable by signals: stopped, in a vfork that never returns, and with all signals blocked
// threat: a/time
// stopped-by: SIGKILL to init of the pid namespace
// status: timeout
// limits: wall_ms=1500
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int main(void) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, 0);
    for (int i = 0; i < 8; i++)
        if (fork() == 0) {
            setsid();
            if (i % 2) raise(SIGSTOP);
            if (vfork() == 0)
                for (;;) pause();
        }
    raise(SIGSTOP);
    for (;;) pause();
}
