// tries: to leave its own IPv6 connections full and unaccepted, until the host's network has no memory left
// threat: a/memory
// stopped-by: init counts the sockets of the sandbox
// limits: memory_bytes=67108864
// during: kernel memory grows by less than 600 MiB
// status: signal, memory
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    static char data[1 << 16];
    for (int port = 4000; port < 4200; port++) {
        int listener = socket(AF_INET6, SOCK_STREAM, 0);
        struct sockaddr_in6 here = {AF_INET6, htons(port), 0, IN6ADDR_LOOPBACK_INIT, 0};
        setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &(int){1 << 20}, sizeof(int));
        if (bind(listener, (void *)&here, sizeof here) || listen(listener, 4096)) break;
        for (int i = 0; i < 4096; i++) {
            int client = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
            if (connect(client, (void *)&here, sizeof here) && errno != EINPROGRESS) break;
            while (write(client, data, sizeof data) > 0) {}
            close(client);
        }
    }
}
