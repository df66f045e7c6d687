// tries: to let the runtime of a sanitizer write outside of the sandbox, and start a program of its choice
// threat: a/compiling
// stopped-by: the runtime is a part of the program, and has its rights
// options: {"sanitize": ["address"]}
// status: nonzero, signal
// stdout-has: BLOCKED
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <unistd.h>

extern "C" const char *__asan_default_options() {
    return "log_path=/usr/lib/escaped:coverage=1:coverage_dir=/usr/lib:external_symbolizer_path=/box/evil:handle_abort=1";
}

int main(int count, char **) {
    for (const char *directory : {"/usr/lib", "/etc", "/launcher", "/build", "/var", "/"})
        std::printf(access(directory, W_OK) == 0 ? "ESCAPED: %s\n" : "BLOCKED: %s\n", directory);
    std::fflush(stdout);
    volatile char *bytes = static_cast<char *>(std::malloc(4));
    bytes[count * 4] = 1;
    return 0;
}
