#include <stdio.h>

int main(void) {
    puts(" n   n²    n³");
    for (int n = 1; n <= 12; n++) {
        printf("%2d  %3d  %4d  ", n, n * n, n * n * n);
        for (int bar = 0; bar < n * n / 4; bar++) putchar('#');
        putchar('\n');
    }
}
