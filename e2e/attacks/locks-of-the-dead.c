// tries: to hold record locks in the name of processes that have ended: /proc/locks, which init counts, omits them
// threat: a/memory
// stopped-by: the filter refuses a file table that two processes share
// stdout-has: BLOCKED
// limits: memory_bytes=67108864
// during: kernel memory grows by less than 100 MiB
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int file;

static int lock(void *round) {
    for (long i = 0; i < 10000; i++) {
        struct flock range = {.l_type = F_WRLCK, .l_start = ((long)round * 10000 + i) * 2, .l_len = 1};
        if (fcntl(file, F_SETLK, &range)) return 1;
    }
    return 0;
}

int main(void) {
    static char stack[65536];
    file = open("/tmp/locked", O_RDWR | O_CREAT, 0600);
    for (long flags = 0; flags < 4; flags++) {
        // With and without shared memory, signal handlers and the parent's children.
        int shared = CLONE_FILES | SIGCHLD | (flags & 1 ? CLONE_VM : 0) | (flags == 3 ? CLONE_SIGHAND | CLONE_PARENT : 0);
        long held = 0;
        for (long round = 0; round < 20; round++) {
            int status, child = clone(lock, stack + sizeof stack, shared, (void *)(round + flags * 20));
            if (child < 0) break;
            if (waitpid(child, &status, __WALL) == child && status) break;
            held += 10000;
        }
        if (held) printf("ESCAPED: %ld locks of processes that are gone\n", held);
        else printf("BLOCKED: clone with %#x: %s\n", shared, strerror(errno));
    }
    // clone3 takes its flags from memory, where the filter does not see them.
    unsigned long arguments[11] = {CLONE_FILES, 0, 0, 0, SIGCHLD};
    long child = syscall(SYS_clone3, arguments, sizeof arguments);
    if (child == 0) _exit(0);
    printf(child > 0 ? "ESCAPED: clone3\n" : "BLOCKED: clone3: %s\n", strerror(errno));
    fflush(stdout);
    usleep(300000);
}
