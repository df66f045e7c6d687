/*
 * Exits a Node process immediately when its program has ended. prelude.cjs loads this library like an addon; if it exits,
 * the call does not return.
 *
 * exit(3) would also wait for the compiler and garbage collector threads and tear down OpenSSL, without visible effects.
 * The visible effects are produced here: C buffers are flushed, and the standard streams become blocking again, for other
 * processes that share them. prelude.cjs has checked that they were blocking at the start, and are still the same files.
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

/* An addon of the program may need to do something at exit. */
static int is_of_the_program(struct dl_phdr_info *object, size_t size, void *data)
{
    const char *name = object->dlpi_name;

    (void)size;
    (void)data;
    /* The executable and the vDSO have no path. */
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
