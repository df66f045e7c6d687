// tries: to hold more files than its limit by sending them to itself, and by sending a socket over itself
// threat: a/memory
// stopped-by: descriptors in flight count as open
// limits: memory_bytes=67108864
// during: kernel memory grows by less than 250 MiB
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    int sent = 0;
    for (int i = 0; i < 20000; i++) {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_DGRAM, 0, ends)) break;
        char space[CMSG_SPACE(sizeof ends)];
        struct msghdr message = {.msg_iov = &(struct iovec){"x", 1}, .msg_iovlen = 1, .msg_control = space,
                                 .msg_controllen = sizeof space};
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        *rights = (struct cmsghdr){CMSG_LEN(sizeof ends), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(rights), ends, sizeof ends);
        sent += sendmsg(ends[0], &message, MSG_DONTWAIT) > 0;
        close(ends[0]);
        close(ends[1]);
    }
    printf("BLOCKED: %d sent, and collected again\n", sent);
}
