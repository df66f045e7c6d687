// tries: to hold locks that every process of the host can see, until other sandboxes are killed for them
// threat: d/neighbours
// stopped-by: init counts the locks of its own processes; unowned locks cannot exist
// parallel: 3
// status: ok
// stdout-has: BLOCKED
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void) {
    int fd = open("/box/locked", O_RDWR | O_CREAT, 0600), held = 0;
    for (int i = 0; i < 500; i++) held += fcntl(fd, F_OFD_SETLK, &(struct flock){.l_type = F_WRLCK, .l_start = 2 * i, .l_len = 1}) == 0;
    sleep(1);
    printf(held ? "ESCAPED: %d locks\n" : "BLOCKED: %d locks: %s\n", held, strerror(errno));
}
