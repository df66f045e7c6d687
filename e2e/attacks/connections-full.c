// tries: to fill the queues of its own connections in both directions
// threat: a/memory
// stopped-by: a limit on the cgroup's socket memory
// limits: memory_bytes=67108864 open_files=1024 wall_ms=12000
// during: kernel memory grows by less than 400 MiB
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    static char data[1 << 16];
    struct sockaddr_in here = {AF_INET, htons(4000), {htonl(INADDR_LOOPBACK)}, {0}};
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (void *)&here, sizeof here);
    listen(listener, 512);
    for (int pairs = 0; pairs < 500; pairs++) {
        int ends[2] = {socket(AF_INET, SOCK_STREAM, 0)};
        if (connect(ends[0], (void *)&here, sizeof here)) break;
        ends[1] = accept(listener, 0, 0);
        for (int i = 0; i < 2; i++) {
            fcntl(ends[i], F_SETFL, O_NONBLOCK);
            for (int empty = 0; empty < 3; usleep(500), empty++)
                while (write(ends[i], data, sizeof data) > 0) {}
        }
    }
    puts("BLOCKED: end");
}
