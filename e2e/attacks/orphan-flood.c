// tries: to keep init so busy with dead orphans that it reads nothing else
// threat: a/fork-bombs
// stopped-by: init reaps a few at a time; the daemon kills init
// status: timeout
// limits: wall_ms=2000
// after: host pid count stable
#include <signal.h>
#include <unistd.h>

int main(void) {
    signal(SIGCHLD, SIG_IGN);
    for (int i = 0; i < 16; i++) fork();
    for (;;)
        if (fork() == 0) {
            if (fork() == 0) _exit(0);
            _exit(0);
        }
}
