// tries: to keep the compiler reading
// threat: a/compiling
// stopped-by: the compiler's own limits
// status: compile_error, timeout, memory, signal
// within-ms: 40000
#include "/dev/zero"
#include "/dev/urandom"
int main() {}
