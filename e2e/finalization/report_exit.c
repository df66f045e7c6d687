/*
 * Reports whether Python exited without its complete finalization: a preloaded library, whose exit() is called in place of
 * the C library's. It creates the file named by $REPORT if the interpreter is still initialized then.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static char *report;
static pid_t process;

/* A program must not see these variables, and child processes must not inherit them. */
__attribute__((constructor)) static void start(void)
{
    report = getenv("REPORT");
    process = getpid();
    unsetenv("REPORT");
    unsetenv("LD_PRELOAD");
}

void exit(int status)
{
    int (*is_initialized)(void) = dlsym(RTLD_DEFAULT, "Py_IsInitialized");
    void (*original)(int) __attribute__((noreturn)) = dlsym(RTLD_NEXT, "exit");

    if (report && getpid() == process && is_initialized && is_initialized())
        close(open(report, O_CREAT | O_WRONLY, 0644));
    original(status);
}
