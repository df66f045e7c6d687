// tries: requests to network interfaces that load kernel modules (VLANs, bridges, frame relay) or change something
// threat: a/kernel-surface
// stopped-by: the filter allows only requests that read properties of interfaces
// stdout-has: BLOCKED
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

int main(void) {
    static const unsigned long requests[] = {0x8982, 0x8983, 0x8940, 0x8941, 0x89a0, 0x89a1, 0x89a2, 0x89a3, 0x8980, 0x8981,
                                             0x8990, 0x89f0, 0x89e0, 0x8b00, 0x8b15, 0x890b, 0x8914, 0x8982 | 1UL << 32};
    char buffer[256] = "lo";
    int families[] = {AF_INET, AF_UNIX, AF_NETLINK};
    for (unsigned f = 0; f < 3; f++) {
        int made = socket(families[f], f == 2 ? SOCK_RAW : SOCK_DGRAM, 0);
        for (unsigned i = 0; i < sizeof requests / sizeof *requests; i++) {
            errno = 0;
            int answer = ioctl(made, requests[i], buffer);
            if (answer < 0 && errno == EPERM) printf("BLOCKED: %#lx\n", requests[i]);
            else printf("ESCAPED: %#lx reached the kernel: %s\n", requests[i], strerror(errno));
        }
    }
    // Programs may still list interfaces.
    struct ifreq lo = {.ifr_name = "lo"};
    int udp = socket(AF_INET, SOCK_DGRAM, 0);
    if (ioctl(udp, SIOCGIFFLAGS, &lo) || ioctl(udp, SIOCGIFINDEX, &lo)) puts("ESCAPED: properties of lo are refused");
}
