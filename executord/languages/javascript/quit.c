/*
 * Ends a Node at once whose program has come to its end with nothing left to do. Loaded by prelude.cjs in the place of an
 * addon, it does not return if it does so.
 *
 * exit(3) would also wait for the threads that compile and collect, and take OpenSSL apart; nobody sees that. What
 * somebody may see is done here: what C has buffered is written, and the standard streams block again, for whoever else
 * has them. prelude.cjs has seen that they did at the start, and are still the same.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Of an addon of the program's own nobody knows what it wants to do at the end. */
static int is_of_the_program(struct dl_phdr_info *object, size_t size, void *data)
{
    const char *name = object->dlpi_name;

    (void)size;
    (void)data;
    /* The executable and what the kernel adds have no path. */
    return name[0] == '/' && !starts_with(name, "/usr/") && !starts_with(name, "/lib") && !starts_with(name, "/launcher/");
}

__attribute__((constructor)) static void quit(void)
{
    if (dl_iterate_phdr(is_of_the_program, NULL) != 0)
        return;
    fflush(NULL);
    for (int stream = 0; stream <= 2; stream++) {
        int flags = fcntl(stream, F_GETFL);
        if (flags != -1 && flags & O_NONBLOCK)
            fcntl(stream, F_SETFL, flags & ~O_NONBLOCK);
    }
    _exit(0);
}
