// tries: to find less memory than its limit, because the previous run left some in the cgroup
// threat: d/neighbours
// stopped-by: counters are reset, and memory is free before the slot is reused
// runs: 3
// limits: memory_bytes=134217728
// status: ok
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <fcntl.h>
#include <unistd.h>

int main(void) {
    // 80% of the limit in pages, then in files and shared memory, which outlive the process.
    size_t size = 100 << 20;
    char *pages = malloc(size);
    memset(pages, 1, size);
    free(pages);
    static char block[1 << 20];
    memset(block, 1, sizeof block);
    int file = open("/dev/shm/left", O_CREAT | O_WRONLY, 0600);
    for (int i = 0; i < 50; i++) write(file, block, sizeof block);
    memset(shmat(shmget(IPC_PRIVATE, 50 << 20, IPC_CREAT | 0600), 0, 0), 1, 50 << 20);
    puts("BLOCKED: end");
}
