// tries: to write to files that it may only read, through the page cache that all runs share
// threat: d/neighbours
// stopped-by: no splice, no AF_ALG, no userfaultfd; and a kernel without the bug
// stdout-has: BLOCKED
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static void report(const char *what, long answer) {
    printf(answer >= 0 ? "ESCAPED: %s\n" : "BLOCKED: %s: %s\n", what, strerror(errno));
}

int main(void) {
    int pipes[2], file = open("/usr/bin/env", O_RDONLY);
    char byte = 'x';
    struct iovec iov = {&byte, 1};
    pipe(pipes);
    report("splice", splice(file, 0, pipes[1], 0, 1, 0));
    report("vmsplice", vmsplice(pipes[1], &iov, 1, 0));
    report("tee", tee(pipes[0], pipes[1], 1, 0));
    report("AF_ALG", socket(38, SOCK_SEQPACKET, 0));
    void *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    report("writable mapping", page == MAP_FAILED ? -1 : 0);
    page = mmap(0, 4096, PROT_READ, MAP_SHARED, file, 0);
    report("made writable", mprotect(page, 4096, PROT_READ | PROT_WRITE));
    int memory = open("/proc/self/mem", O_RDWR);
    char before = *(char *)page;
    if (memory >= 0) pwrite(memory, "y", 1, (off_t)(long)page);
    printf(*(char *)page == before ? "BLOCKED: /proc/self/mem\n" : "ESCAPED: /proc/self/mem\n");
    report("opened to write", open("/proc/self/fd/3", O_RDWR));
    report("truncated", truncate("/usr/bin/env", 0));
    report("allocated", fallocate(file, 0, 0, 4096));
    report("a lease", fcntl(file, F_SETLEASE, F_WRLCK));
    report("sealed", fcntl(file, F_ADD_SEALS, 1));
    report("touched", futimens(file, 0));
    report("given away", fchown(file, getuid(), -1));
    report("copied over", copy_file_range(file, 0, open("/usr/bin/env", O_RDONLY), 0, 1, 0));
}
