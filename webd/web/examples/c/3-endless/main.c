#include <stdio.h>

int main(void) {
    puts("Counting forever. Press Stop, or wait for the limit.");
    fflush(stdout);
    for (volatile unsigned long count = 0;; count++) {
    }
}
