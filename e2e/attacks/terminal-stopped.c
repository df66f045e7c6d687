// tries: to stop its terminal, set a false size, change its keys and its owner, and continue to write
// threat: a/terminal
// stopped-by: the daemon's time limit; the daemon treats output as bytes
// tty: true
// limits: wall_ms=3000
// status: timeout
// within-ms: 20000
// stdout-has: still heard
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

int main(void) {
    signal(SIGHUP, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    struct winsize sizes[] = {{65535, 65535, 65535, 65535}, {0, 0, 0, 0}, {1, 1, 0, 0}};
    for (int i = 0; i < 3; i++) ioctl(0, TIOCSWINSZ, &sizes[i]);
    struct termios terminal;
    for (int round = 0; round < 1000; round++) {
        tcgetattr(0, &terminal);
        memset(terminal.c_cc, round, sizeof terminal.c_cc);
        terminal.c_lflag ^= ICANON | ECHO | ISIG | EXTPROC;
        terminal.c_iflag ^= IXON | IXOFF | INLCR;
        tcsetattr(0, TCSANOW, &terminal);
        tcflow(0, TCIOFF);
        tcflow(0, TCION);
        tcflush(0, TCIOFLUSH);
    }
    ioctl(0, TIOCEXCL);
    // Another session attempts to take it, and its owner to release it.
    if (fork() == 0) {
        setsid();
        if (ioctl(0, TIOCSCTTY, 1) == 0) puts("ESCAPED: stole the terminal");
        _exit(0);
    }
    wait(0);
    ioctl(0, TIOCNOTTY);
    ioctl(0, TIOCSCTTY, 0);
    const char words[] = "\x1b]0;title\x07\x1bP\x1b[6n\x1b[21t\x1b[?1049h\x13\x11\x1bcstill heard\n";
    write(1, words, sizeof words - 1);
    tcflow(1, TCOOFF);
    for (;;) write(1, words, sizeof words - 1);
}
