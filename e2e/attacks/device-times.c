// tries: to leave a message in the times, the mode or the owner of the host's device files
// threat: d/neighbours: contact through network, names, files or user
// stopped-by: device files are bound read-only
// stdout-has: BLOCKED
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void result(const char *what, int answer) {
    if (answer >= 0) printf("ESCAPED: %s\n", what);
    else printf("BLOCKED: %s: %s\n", what, strerror(errno));
}

int main(void) {
    static const char *devices[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"};
    struct timespec times[2] = {{.tv_sec = 7, .tv_nsec = UTIME_NOW}, {.tv_sec = 7, .tv_nsec = UTIME_NOW}};
    for (int i = 0; i < 5; i++) {
        int device = open(devices[i], O_RDWR);
        result(devices[i], utimensat(AT_FDCWD, devices[i], 0, 0));
        result(devices[i], utimensat(AT_FDCWD, devices[i], times, 0));
        result(devices[i], futimens(device, 0));
        result(devices[i], chmod(devices[i], 0600));
        close(device);
    }
    // They still work.
    int null = open("/dev/null", O_WRONLY), zero = open("/dev/zero", O_RDONLY);
    char byte = 1;
    if (write(null, &byte, 1) != 1 || read(zero, &byte, 1) != 1 || byte) puts("ESCAPED: devices do not work");
}
