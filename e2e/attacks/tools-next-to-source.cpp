// tries: to make the compiler start files next to the source instead of its own tools
// threat: a/compiling
// stopped-by: a fixed PATH and command; whatever ran would be in the sandbox
// status: ok
// stdout-has: BLOCKED
// filename: main.cpp
#include <cstdio>
#include <unistd.h>
int main() {
    if (access("/build/planted", F_OK) == 0) puts("ESCAPED: a planted tool compiled this");
    else puts("BLOCKED: end");
}
// === as
#!/bin/sh
touch /build/planted
// === cc1plus
#!/bin/sh
touch /build/planted
// === collect2
#!/bin/sh
touch /build/planted
// === specs
*link: %(old_link) --version
// === .gcc/specs
*link: %(old_link) --version
// === libstdc++.so
INPUT(/etc/shadow)
