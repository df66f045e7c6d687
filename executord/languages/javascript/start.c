/*
 * Starts a program whose launcher waits, with the socket it waits on out of the way: start PROGRAM ARGUMENTS...
 *
 * Node opens some fifteen descriptors before its launcher runs. Were 3 taken meanwhile and free afterwards, it would be
 * the number of the first file that the user's program opens.
 */
#include <stdio.h>
#include <unistd.h>

/* Where the launcher looks for it: above all that are opened meanwhile, below the limit of every run. */
#define GIVEN 3
#define AWAY 255

static const char *const DIRECTORIES[] = {"/usr/local/bin", "/usr/bin", "/bin"};

int main(int count, char **words)
{
    char path[4096];

    if (count < 2 || dup2(GIVEN, AWAY) < 0 || close(GIVEN) < 0)
        return 1;
    for (unsigned i = 0; i < sizeof DIRECTORIES / sizeof *DIRECTORIES; i++) {
        snprintf(path, sizeof path, "%s/%s", DIRECTORIES[i], words[1]);
        if (access(path, X_OK) == 0) {
            words[1] = path;
            execv(path, words + 1);
        }
    }
    return 1;
}
