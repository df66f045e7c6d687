// tries: to hold kernel memory with options of sockets: keys, multicast groups, flow labels, copies of what was sent
// threat: a/memory
// stopped-by: the filter refuses these options
// stdout-has: BLOCKED
// limits: memory_bytes=67108864
// during: kernel memory grows by less than 100 MiB
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void result(const char *what, long done) {
    if (done) printf("ESCAPED: %ld of %s\n", done, what);
    else printf("BLOCKED: %s: %s\n", what, strerror(errno));
}

int main(void) {
    long keys = 0, groups = 0, groups6 = 0, labels = 0, stamps = 0, messages = 0;
    for (int i = 0; i < 200; i++) {
        int tcp = socket(AF_INET, SOCK_STREAM, 0), udp6 = socket(AF_INET6, SOCK_DGRAM, 0);
        for (int j = 0; j < 1000; j++) {
            struct tcp_md5sig key = {.tcpm_keylen = 80};
            struct sockaddr_in *peer = (void *)&key.tcpm_addr;
            peer->sin_family = AF_INET;
            peer->sin_addr.s_addr = htonl(INADDR_LOOPBACK + j);
            if (setsockopt(tcp, IPPROTO_TCP, TCP_MD5SIG, &key, sizeof key)) break;
            keys++;
        }
        struct ip_mreqn group = {{htonl(0xe0010000 + i)}, {htonl(INADDR_LOOPBACK)}, 1};
        groups += !setsockopt(tcp, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group);
        for (int j = 0; j < 1000; j++) {
            struct ipv6_mreq group6 = {.ipv6mr_interface = 1};
            group6.ipv6mr_multiaddr.s6_addr[0] = 0xff;
            group6.ipv6mr_multiaddr.s6_addr[1] = 0x12;
            group6.ipv6mr_multiaddr.s6_addr[8] = i;
            memcpy(&group6.ipv6mr_multiaddr.s6_addr[12], &j, sizeof j);
            if (setsockopt(udp6, IPPROTO_IPV6, IPV6_JOIN_GROUP, &group6, sizeof group6)) break;
            groups6++;
        }
        // struct in6_flowlabel_req of linux/in6.h: get and create an exclusive label.
        struct { struct in6_addr to; unsigned label; unsigned char action, share; unsigned short flags, expires, linger; unsigned pad; }
            label = {.to = in6addr_loopback, .action = 0, .share = 255, .flags = 3, .linger = 60};
        labels += !setsockopt(udp6, IPPROTO_IPV6, 32, &label, sizeof label);
        // A control message of another level, which is kept without being read.
        static struct { struct cmsghdr head; char rest[60000]; } options;
        options.head = (struct cmsghdr){.cmsg_len = sizeof options, .cmsg_level = IPPROTO_TCP};
        messages += !setsockopt(udp6, IPPROTO_IPV6, 6, &options, sizeof options); // IPV6_2292PKTOPTIONS
        int all = 1 << 9 | 1 << 8 | 1 << 1 | 1 << 4;
        stamps += !setsockopt(tcp, SOL_SOCKET, SO_TIMESTAMPING, &all, sizeof all);
    }
    result("keys of TCP MD5", keys);
    result("multicast groups", groups);
    result("multicast groups of IPv6", groups6);
    result("flow labels", labels);
    result("control messages of IPv6", messages);
    result("time stamps with data", stamps);
    fflush(stdout);
    usleep(300000);
}
