// tries: to hold kernel memory in the error queues of UDP sockets, which no cgroup accounts for
// threat: a/memory
// stopped-by: init counts UDP sockets
// status: memory
// limits: memory_bytes=67108864 open_files=1024
// during: kernel memory grows by less than 160 MiB
// stdout-lacks: finished
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    static char data[600];
    struct sockaddr_in nobody = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in6 nobody6 = {.sin6_family = AF_INET6, .sin6_port = htons(9), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    for (int process = 0; process < 8; process++) {
        if (fork()) continue;
        for (int i = 0; i < 900; i++) {
            int on = 1, udp = socket(i & 1 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
            if (udp < 0) break;
            setsockopt(udp, i & 1 ? IPPROTO_IPV6 : IPPROTO_IP, i & 1 ? IPV6_RECVERR : IP_RECVERR, &on, sizeof on);
            for (int j = 0; j < 400; j++)
                sendto(udp, data, sizeof data, MSG_DONTWAIT, i & 1 ? (void *)&nobody6 : (void *)&nobody, i & 1 ? sizeof nobody6 : sizeof nobody);
        }
        pause();
    }
    sleep(8);
    puts("finished");
}
