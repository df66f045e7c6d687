// tries: as a checker, to use all processes, to ignore its end, and to hold the memory of its host
// threat: a/judges
// stopped-by: limits of its own, and the end of its sandbox
// role: checker
// limits: wall_ms=1500 cpu_ms=1500 memory_bytes=33554432
// verdict: judge_error
// within-ms: 20000
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

int main(void) {
    signal(SIGTERM, SIG_IGN);
    setsid();
    for (;;) {
        if (fork() == 0) setsid();
        char *page = malloc(1 << 16);
        if (page) memset(page, 1, 1 << 16);
    }
}
// === solution.sh
echo 1
