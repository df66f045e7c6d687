// tries: to make the compiler read and print files of the host
// threat: a/compiling
// stopped-by: the compiler is sandboxed like the program
// status: compile_error
// stderr-lacks: CANARY-SECRET
// stderr-lacks: root:x:0:0:root:/root
#include "/proc/self/environ"
#include "/proc/1/environ"
#include "/etc/shadow"
#include "/etc/passwd"
#include "${CANARY_FILE}"
#include "/dev/stdin"
__asm__(".incbin \"/etc/shadow\"");
__asm__(".incbin \"${CANARY_FILE}\"");
#line 1 "${CANARY_FILE}"
int main() { return nothing; }
