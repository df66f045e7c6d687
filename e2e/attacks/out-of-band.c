// tries: out-of-band data on sockets
// threat: a/kernel-surface
// stopped-by: the filter refuses MSG_OOB in every call that takes flags
// stdout-has: BLOCKED
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void result(const char *what, long answer) {
    if (answer >= 0) printf("ESCAPED: %s\n", what);
    else if (errno == EOPNOTSUPP) printf("BLOCKED: %s: %s\n", what, strerror(errno));
    else printf("ESCAPED: %s reached the kernel: %s\n", what, strerror(errno));
}

int main(void) {
    int pair[2];
    char byte[1] = "x";
    struct iovec part = {byte, 1};
    struct mmsghdr messages = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    for (long high = 0; high <= 1L << 32; high += 1L << 32) {
        long flags = MSG_OOB | MSG_DONTWAIT | high;
        result("sendto", syscall(SYS_sendto, pair[0], byte, 1L, flags, 0L, 0L));
        result("sendmsg", syscall(SYS_sendmsg, pair[0], &messages.msg_hdr, flags));
        result("sendmmsg", syscall(SYS_sendmmsg, pair[0], &messages, 1L, flags));
        result("recvfrom", syscall(SYS_recvfrom, pair[1], byte, 1L, flags, 0L, 0L));
        result("recvmsg", syscall(SYS_recvmsg, pair[1], &messages.msg_hdr, flags));
        result("recvmmsg", syscall(SYS_recvmmsg, pair[1], &messages, 1L, flags, 0L));
    }
    // Ordinary data still works.
    if (send(pair[0], byte, 1, MSG_NOSIGNAL) != 1 || recv(pair[1], byte, 1, 0) != 1) puts("ESCAPED: data is refused");
}
