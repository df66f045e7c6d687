// tries: to keep init so busy with dead orphans that it reads nothing else
// threat: a/fork-bombs
// stopped-by: init reaps a few at a time; the daemon kills init
// status: timeout, memory
// limits: wall_ms=2000
// after: host pid count stable
#include <signal.h>
#include <unistd.h>

// The kernel frees dead processes only after an RCU grace period, and charges their memory to the program until then. On one host it was
// 30 to 85 MiB; where grace periods take longer, it exceeds the limit.
int main(void) {
    signal(SIGCHLD, SIG_IGN);
    for (int i = 0; i < 16; i++) fork();
    for (;;)
        if (fork() == 0) {
            if (fork() == 0) _exit(0);
            _exit(0);
        }
}
