// tries: the 32-bit entry, where numbers mean other calls
// threat: a/kernel-surface
// stopped-by: seccomp: another architecture is killed
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
