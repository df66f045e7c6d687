/*
 * Lets JavaScript use the stack that the process has, and removes the variable of the environment through which Node found
 * the launcher. V8 ends a recursion after about 1 MiB, whatever the stack limit is, and its flag --stack-size makes Node
 * reject its code cache. stack.cjs or prelude.cjs loads this library like an addon. It does its work in the constructor,
 * and Node then unloads it, because it is not an addon.
 *
 * Worker threads load it too. Their stack has another size, so it does nothing in them.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define VARIABLE "NODE_OPTIONS"
/* Stack that V8 itself and C libraries need beyond the limit of JavaScript, and room for arguments and environment. */
#define RESERVE (2ul << 20)
/* V8's own limit is about this. A smaller one is not set, because Node does not start with it. */
#define SMALLEST (1ul << 20)
/* Maximum for JavaScript: with the heap, it fits in the memory limit of most requests. */
#define LARGEST (62ul << 20)

/* The address at which the stack began; see ld.so(8). */
extern void *__libc_stack_end;
/* v8::Isolate::GetCurrent() and v8::Isolate::SetStackLimit(uintptr_t) of V8's C++ interface. */
__attribute__((weak)) void *_ZN2v87Isolate10GetCurrentEv(void);
__attribute__((weak)) void _ZN2v87Isolate13SetStackLimitEm(void *isolate, uintptr_t limit);

static void set_stack_limit(void)
{
    struct rlimit stack;

    if (!_ZN2v87Isolate10GetCurrentEv || !_ZN2v87Isolate13SetStackLimitEm || getrlimit(RLIMIT_STACK, &stack) != 0)
        return;
    if (stack.rlim_cur < RESERVE + SMALLEST)
        return;
    uintptr_t size = stack.rlim_cur - RESERVE;
    if (size > LARGEST)
        size = LARGEST;
    _ZN2v87Isolate13SetStackLimitEm(_ZN2v87Isolate10GetCurrentEv(), (uintptr_t)__libc_stack_end - size);
}

/* Removes the variable, also from the memory that /proc/self/environ shows. No other thread of Node reads the environment
   before the program begins. */
static void remove_variable(void)
{
    char *value = getenv(VARIABLE);

    if (!value)
        return;
    size_t length = strlen(value);
    unsetenv(VARIABLE);
    memset(value - sizeof VARIABLE, 0, sizeof VARIABLE + length);
}

__attribute__((constructor)) static void prepare_main_thread(void)
{
    if (gettid() != getpid())
        return;
    remove_variable();
    set_stack_limit();
}
