// tries: to fill the kernel with locks of single bytes, which no cgroup is charged for
// threat: a/memory
// stopped-by: seccomp: such locks are not allowed
// limits: memory_bytes=67108864 open_files=1024
// during: kernel memory grows by less than 250 MiB
#include <fcntl.h>
#include <stdio.h>

int main(void) {
    for (int file = 0; file < 900; file++) {
        char name[32];
        snprintf(name, sizeof name, "/box/%d", file);
        int fd = open(name, O_RDWR | O_CREAT, 0600);
        for (int i = 2000; i; i--) fcntl(fd, F_SETLK, &(struct flock){.l_type = F_WRLCK, .l_start = 2 * i, .l_len = 1});
    }
    puts("BLOCKED: end");
}
