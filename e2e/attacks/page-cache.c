// tries: to write to files that it may only read, by way of the page cache that all runs share
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

static void tell(const char *what, long answer) {
    printf(answer >= 0 ? "ESCAPED: %s\n" : "BLOCKED: %s: %s\n", what, strerror(errno));
}

int main(void) {
    int pipes[2], file = open("/usr/bin/env", O_RDONLY);
    char byte = 'x';
    struct iovec iov = {&byte, 1};
    pipe(pipes);
    tell("splice", splice(file, 0, pipes[1], 0, 1, 0));
    tell("vmsplice", vmsplice(pipes[1], &iov, 1, 0));
    tell("tee", tee(pipes[0], pipes[1], 1, 0));
    tell("AF_ALG", socket(38, SOCK_SEQPACKET, 0));
    void *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    tell("writable mapping", page == MAP_FAILED ? -1 : 0);
    page = mmap(0, 4096, PROT_READ, MAP_SHARED, file, 0);
    tell("made writable", mprotect(page, 4096, PROT_READ | PROT_WRITE));
    int memory = open("/proc/self/mem", O_RDWR);
    char before = *(char *)page;
    if (memory >= 0) pwrite(memory, "y", 1, (off_t)(long)page);
    printf(*(char *)page == before ? "BLOCKED: /proc/self/mem\n" : "ESCAPED: /proc/self/mem\n");
    tell("opened to write", open("/proc/self/fd/3", O_RDWR));
    tell("truncated", truncate("/usr/bin/env", 0));
    tell("allocated", fallocate(file, 0, 0, 4096));
    tell("a lease", fcntl(file, F_SETLEASE, F_WRLCK));
    tell("sealed", fcntl(file, F_ADD_SEALS, 1));
    tell("touched", futimens(file, 0));
    tell("given away", fchown(file, getuid(), -1));
    tell("copied over", copy_file_range(file, 0, open("/usr/bin/env", O_RDONLY), 0, 1, 0));
}
