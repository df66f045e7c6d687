// tries: to fill the kernel with a memory policy for each page of large files, which no cgroup is charged for
// threat: a/memory
// stopped-by: seccomp: no memory policies
// limits: memory_bytes=67108864
// during: kernel memory grows by less than 150 MiB
// stdout-has: BLOCKED
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
    long made = 0, size = 32 << 20, node = 1;
    for (int file = 0; file < 200; file++) {
        int fd = memfd_create("x", 0);
        ftruncate(fd, size);
        char *pages = mmap(0, size, PROT_READ, MAP_SHARED, fd, 0);
        for (long at = 0; at < size; at += 8192) made += syscall(SYS_mbind, pages + at, 4096, 2, &node, 8, 0) == 0;
        munmap(pages, size);
    }
    printf(made ? "ESCAPED: %ld policies\n" : "BLOCKED: %ld policies: %s\n", made, strerror(errno));
}
