// tries: to type into its terminal, change the type of its terminal, and hang it up, by every ioctl for that
// threat: a/terminal
// stopped-by: seccomp, no capabilities
// tty: true
// stdout-has: BLOCKED
// status: ok
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void attempt(const char *what, int file, unsigned long request, unsigned long argument) {
    // The kernel uses 32 bits of the request: a filter that compared 64 bits would allow the second one.
    for (int high = 0; high < 2; high++) {
        errno = 0;
        long answer = syscall(SYS_ioctl, (long)file, request | (high ? 1UL << 32 : 0), argument);
        printf("%s: %s %s\n", answer < 0 ? "BLOCKED" : "ESCAPED", what, strerror(errno));
    }
}

int main(void) {
    int files[] = {0, open("/dev/tty", O_RDWR), open("/dev/pts/0", O_RDWR | O_NOCTTY)};
    for (int i = 0; i < 3; i++) {
        char words[8] = "x", copy[8] = "\x02";
        attempt("TIOCSTI", files[i], 0x5412, (unsigned long)words);
        attempt("TIOCLINUX", files[i], 0x541c, (unsigned long)copy);
        attempt("TIOCCONS", files[i], 0x541d, 0);
        attempt("TIOCVHANGUP", files[i], 0x5437, 0);
        attempt("TIOCSLCKTRMIOS", files[i], 0x5457, (unsigned long)(char[64]){0});
        for (int discipline = 0; discipline < 32; discipline++)
            attempt("TIOCSETD", files[i], 0x5423, (unsigned long)&discipline);
        // Only allowed on the master end.
        int on = 1, number = 0;
        attempt("TIOCPKT", files[i], 0x5420, (unsigned long)&on);
        attempt("TIOCSPTLCK", files[i], 0x40045431, (unsigned long)&on);
        attempt("TIOCGPTN", files[i], 0x80045430, (unsigned long)&number);
        attempt("TIOCGPTPEER", files[i], 0x5441, O_RDWR);
        attempt("TIOCSIG", files[i], 0x40045436, 9);
    }
    if (syscall(SYS_vhangup) == 0) printf("ESCAPED: vhangup\n");
    return 0;
}
