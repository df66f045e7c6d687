// tries: to open every family, type and protocol of sockets
// threat: a/kernel-surface
// stopped-by: seccomp
// stdout-has: BLOCKED
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    int kinds[] = {1, 2, 3, 4, 5, 6, 10}, refused = 0;
    for (int family = 0; family < 64; family++)
        for (int k = 0; k < 7; k++)
            for (int protocol = 0; protocol < 300; protocol++) {
                int fd = socket(family, kinds[k], protocol);
                if (fd < 0) {
                    refused++;
                    continue;
                }
                close(fd);
                int known = family == 1 || (family == 16 && protocol == 0) ||
                            ((family == 2 || family == 10) && (kinds[k] == 1 || kinds[k] == 2) &&
                             (protocol == 0 || protocol == 6 || protocol == 17));
                if (!known) printf("ESCAPED: socket(%d, %d, %d)\n", family, kinds[k], protocol);
            }
    printf("BLOCKED: %d kinds\n", refused);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int datagram = socket(AF_INET, SOCK_DGRAM, 0);
    struct { unsigned short length; void *code; } filter = {1, (unsigned short[4]){6, 0, 0, 0}};
    struct { int fd, level, name; void *value; int size; const char *what; } options[] = {
        {fd, 6, 31, "tls", 3, "TLS in the kernel"}, {fd, 6, 31, "espintcp", 8, "ESP in TCP"},
        {datagram, 17, 100, &(int){2}, 4, "ESP in UDP"}, {datagram, 1, 26, &filter, sizeof filter, "a filter"},
        {datagram, 1, 50, &(int){0}, 4, "a BPF program"}, {datagram, 1, 51, &filter, sizeof filter, "a reuseport program"},
        {fd, 1, 36, &(int){1}, 4, "a mark"}, {fd, 1, 33, &(int){1 << 30}, 4, "any buffer"},
        {datagram, 0, 3, &(int){1}, 4, "its own IP headers"}, {fd, 6, 19, &(int){1}, 4, "repair mode"},
    };
    for (unsigned i = 0; i < sizeof options / sizeof *options; i++)
        printf(setsockopt(options[i].fd, options[i].level, options[i].name, options[i].value, options[i].size) == 0 ?
               "ESCAPED: %s\n" : "BLOCKED: %s: %s\n", options[i].what, strerror(errno));
}
