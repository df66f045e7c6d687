// tries: to change its files while they are read, and to put links in their place, after its main process has ended
// threat: a/output-files
// stopped-by: the collector searches when init is gone, and with it every process of the pid namespace
// outputs: kept.txt swapped dir/x
// output-lacks: root:x:0
// status: ok
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void) {
    FILE *kept = fopen("kept.txt", "w");
    fputs("kept\n", kept);
    fclose(kept);
    mkdir("real", 0755);
    symlink("/etc", "link");
    symlink("/etc/passwd", "other");
    fclose(fopen("swapped", "w"));
    fclose(fopen("real/x", "w"));
    for (int i = 0; i < 8; i++)
        if (fork() == 0) {
            setsid();
            signal(SIGTERM, SIG_IGN);
            for (;;) {
                renameat2(AT_FDCWD, "swapped", AT_FDCWD, "other", RENAME_EXCHANGE);
                rename("real", "dir");
                rename("dir", "real");
                int file = open("kept.txt", O_WRONLY | O_TRUNC);
                write(file, "kept\n", 5);
                ftruncate(file, 1 << 20);
                close(file);
            }
        }
    usleep(100000);
    return 0;
}
