// tries: to report its own end to the daemon instead of init, over any descriptor that was left open
// threat: a/forged-status
// stopped-by: every descriptor but three is closed; only init has its pipe
// status: nonzero
// exit: 7
// stdout-has: BLOCKED
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void) {
    char report[24] = {3};
    for (int fd = 3; fd < 4096; fd++)
        if (fcntl(fd, F_GETFD) != -1) printf("ESCAPED: descriptor %d is open\n", fd);
    for (int fd = 3; fd < 4096; fd++)
        if (write(fd, report, sizeof report) > 0) printf("ESCAPED: wrote to %d\n", fd);
    for (int fd = 0; fd < 3; fd++) {
        char path[32];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        int wrong = open(path, fd == 0 ? O_WRONLY | O_NONBLOCK : O_RDONLY | O_NONBLOCK);
        printf(wrong < 0 ? "BLOCKED: %s the other way: %s\n" : "ESCAPED: %s the other way\n", path, strerror(errno));
        int both = open(path, O_RDWR | O_NONBLOCK);
        printf(both < 0 ? "BLOCKED: %s both ways: %s\n" : "ESCAPED: %s both ways\n", path, strerror(errno));
        if (fchmod(fd, 0666) == 0) printf("ESCAPED: changed the mode of %d\n", fd);
    }
    fflush(stdout);
    write(2, report, sizeof report);
    printf("{\"status\":\"ok\",\"exit_code\":0}\n\x03\n--- exit 0 ---\n");
    return 7;
}
