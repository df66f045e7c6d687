// tries: to use the 32-bit system call entry, where the numbers mean other calls
// threat: a/kernel-surface
// stopped-by: seccomp: calls of another architecture kill the process
// status: signal
// signal: 31
// stdout-has: trying
#include <stdio.h>

int main(void) {
    puts("trying");
    fflush(stdout);
    long answer;
    // getpid of i386.
    __asm__ volatile("int $0x80" : "=a"(answer) : "a"(20) : "memory");
    printf("ESCAPED: %ld\n", answer);
}
