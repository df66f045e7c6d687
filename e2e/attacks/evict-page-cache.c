// tries: to take files of /usr out of the page cache that all runs share
// threat: d/neighbours: the page cache of `/usr`, which all runs share
// stopped-by: the filter lets POSIX_FADV_DONTNEED report success without an effect
// stdout-has: BLOCKED
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static long cached(int file, long bytes) {
    char byte;
    struct iovec part = {&byte, 1};
    long count = 0;
    for (long at = 0; at < bytes; at += 65536) count += preadv2(file, &part, 1, at, RWF_NOWAIT) == 1;
    return count;
}

int main(void) {
    static char buffer[1 << 20];
    // Large, and not mapped by this program.
    static const char *files[] = {"/usr/bin/gdb", "/usr/bin/perl", "/usr/bin/openssl", "/usr/bin/git", "/usr/bin/bash"};
    for (int i = 0; i < 5; i++) {
        int file = open(files[i], O_RDONLY);
        if (file < 0) continue;
        long bytes = lseek(file, 0, SEEK_END);
        for (long at = 0; at < bytes; at += sizeof buffer) pread(file, buffer, sizeof buffer, at);
        long before = cached(file, bytes);
        int answer = posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
        syscall(SYS_fadvise64, file, 0L, 0L, POSIX_FADV_DONTNEED | 1L << 32);
        long after = cached(file, bytes);
        if (after < before / 2) printf("ESCAPED: %ld of %ld pieces of %s left\n", after, before, files[i]);
        else printf("BLOCKED: advice returned %d, %ld of %ld pieces of %s left\n", answer, after, before, files[i]);
    }
}
