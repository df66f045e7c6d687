// tries: to have files returned that are larger than memory: sparse, and many large ones
// threat: a/output-files
// stopped-by: limits of bytes per file and of all files; a file-size limit
// outputs: sparse big*
// limits: output_file_bytes=100000 output_files_bytes=250000
// stdout-has: BLOCKED
// returns: ["big0", "big1", "big10"]
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void) {
    signal(SIGXFSZ, SIG_IGN);
    int sparse = open("sparse", O_CREAT | O_RDWR, 0644);
    printf("%s: 1 TiB\n", ftruncate(sparse, 1L << 40) ? "BLOCKED" : "ESCAPED");
    printf("%s: hole\n", pwrite(sparse, "x", 1, 1L << 40) < 0 ? "BLOCKED" : "ESCAPED");
    ftruncate(sparse, 60L << 20);
    static char block[1 << 20];
    for (int i = 0; i < 20; i++) {
        char name[16];
        sprintf(name, "big%d", i);
        int file = open(name, O_CREAT | O_WRONLY, 0644);
        write(file, block, sizeof block);
        close(file);
    }
    return 0;
}
