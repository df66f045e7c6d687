// tries: to hold all memory where no process is charged for it, and be the last process that is killed for it
// threat: a/memory
// stopped-by: init is killed before the supervisor, and its IPC namespace ends with it
// limits: memory_bytes=67108864 wall_ms=8000
// status: memory, signal
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <unistd.h>

int main(void) {
    int score = open("/proc/self/oom_score_adj", O_WRONLY);
    write(score, "0", 1);
    for (int i = 0; i < 1000; i++) {
        int segment = shmget(IPC_PRIVATE, 8 << 20, IPC_CREAT | 0600);
        char *memory = segment < 0 ? (void *)-1 : shmat(segment, 0, 0);
        if (memory == (void *)-1) continue;
        memset(memory, 1, 8 << 20);
        shmdt(memory);
    }
    puts("ESCAPED: 8 GB of shared memory");
}
