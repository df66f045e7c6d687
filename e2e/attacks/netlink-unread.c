// tries: to request the list of interfaces without end, and never read the responses
// threat: a/memory
// stopped-by: init counts the sockets of the sandbox
// limits: memory_bytes=67108864
// during: kernel memory grows by less than 400 MiB
// status: signal, memory
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    struct { struct nlmsghdr head; struct rtgenmsg what; } ask = {
        {sizeof ask, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 0, 0}, {0}};
    for (int i = 0; i < 5; i++) fork();
    for (int all = 0; all < 250; all++) {
        int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, 0);
        for (int i = 0; i < 60 && send(netlink, &ask, sizeof ask, 0) > 0; i++) {}
    }
    sleep(5);
}
