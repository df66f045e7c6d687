// tries: to hold thousands of locks, so that the other sandboxes spend their time reading the list of all locks
// threat: d/neighbours
// stopped-by: init counts the locks of its own processes
// status: memory
// stdout-lacks: ESCAPED
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(void) {
    int fd = open("/box/locked", O_RDWR | O_CREAT, 0600), held = 0;
    for (int i = 0; i < 2000; i++) held += fcntl(fd, F_SETLK, &(struct flock){.l_type = F_WRLCK, .l_start = 2 * i, .l_len = 1}) == 0;
    sleep(2);
    printf("ESCAPED: %d locks\n", held);
}
