// tries: to hold locks of whole files in the name of processes that have ended: init cannot count them, and all sandboxes visit them
// threat: d/neighbours
// stopped-by: a maximum of open files of all processes together
// limits: processes=512 memory_bytes=536870912
// stdout-has: BLOCKED
// during: kernel memory grows by less than 250 MiB
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

static long hold(long number) {
    static int files[4096];
    int count = 0;
    char name[32];
    snprintf(name, sizeof name, "/box/%ld", number);
    // Each opening is a lock of its own.
    while (count < 4096 && (files[count] = open(name, O_RDWR | O_CREAT, 0600)) >= 0) count++;
    // Few at a time, because those of living processes are counted.
    for (int first = 0; first < count; first += 100) {
        if (fork() == 0) {
            for (int i = first; i < count && i < first + 100; i++) flock(files[i], LOCK_SH | LOCK_NB);
            _exit(0);
        }
        wait(NULL);
    }
    return count;
}

int main(void) {
    int turn[2], done[2];
    long held = 0, one, holders = 0;
    if (pipe(turn) || pipe(done) || write(turn[1], "x", 1) != 1) return 1;
    for (; holders < 505; holders++) {
        int child = fork();
        if (child < 0) break;
        if (child == 0) {
            char token;
            if (read(turn[0], &token, 1) != 1) return 1;
            long count = hold(holders);
            if (write(turn[1], &token, 1) != 1 || write(done[1], &count, sizeof count) != sizeof count) return 1;
            pause();
        }
    }
    for (long i = 0; i < holders && read(done[0], &one, sizeof one) == sizeof one; i++) held += one;
    printf(held > 65536 ? "ESCAPED: %ld locks of %ld processes\n" : "BLOCKED: %ld locks of %ld processes\n", held, holders);
}
