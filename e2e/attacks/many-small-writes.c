// tries: to cause an event for each byte of its output
// threat: a/output
// stopped-by: bounded output, and backpressure on the program
// status: output_limit, ok, timeout
// after: daemon memory stays below baseline + 64 MiB
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

int main(void) {
    fcntl(1, F_SETPIPE_SZ, 4096);
    for (int i = 0; i < 600000; i++)
        if (write(1 + i % 2, "x", 1) != 1) break;
}
