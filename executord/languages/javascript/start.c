/*
 * Executes a program after moving the launcher's socket to a higher descriptor: start STACK PROGRAM ARGUMENTS...
 *
 * Node opens about fifteen descriptors before its launcher runs. If the socket stayed at 3 until the launcher closes it,
 * the first file that the client's program opens would get the number 3, which it does not get without a launcher.
 *
 * STACK is the stack limit, to which prelude.cjs adapts V8. It is an argument so that a program with another limit does not
 * get this process.
 */
#include <stdio.h>
#include <unistd.h>

/* prelude.cjs expects the socket at MOVED_FD: above all descriptors that Node opens, below the limit of every run. */
#define COMMAND_LINE_FD 3
#define MOVED_FD 255

static const char *const DIRECTORIES[] = {"/usr/local/bin", "/usr/bin", "/bin"};

int main(int count, char **words)
{
    char path[4096];

    if (count < 3 || dup2(COMMAND_LINE_FD, MOVED_FD) < 0 || close(COMMAND_LINE_FD) < 0)
        return 1;
    for (unsigned i = 0; i < sizeof DIRECTORIES / sizeof *DIRECTORIES; i++) {
        snprintf(path, sizeof path, "%s/%s", DIRECTORIES[i], words[2]);
        if (access(path, X_OK) == 0) {
            words[2] = path;
            execv(path, words + 2);
        }
    }
    return 1;
}
