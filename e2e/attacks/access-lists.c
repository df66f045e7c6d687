// tries: to fill the kernel with access control lists of 64 KiB each, which no cgroup is charged for
// threat: a/memory
// stopped-by: seccomp: setting access control lists is not allowed
// limits: memory_bytes=67108864
// during: kernel memory grows by less than 250 MiB
// stdout-has: BLOCKED
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

struct entry { uint16_t tag, permissions; uint32_t id; };
struct { uint32_t version; struct entry entries[8190]; } list = {2, {}};

int main(void) {
    int count = 8190;
    for (int i = 0; i < count; i++) list.entries[i] = (struct entry){2, 7, 1000 + i};
    list.entries[0] = (struct entry){1, 7, -1};
    list.entries[count - 3] = (struct entry){4, 7, -1};
    list.entries[count - 2] = (struct entry){16, 7, -1};
    list.entries[count - 1] = (struct entry){32, 7, -1};
    int made = 0;
    for (int i = 0; i < 4000; i++) {
        char name[32];
        snprintf(name, sizeof name, "/box/%d", i);
        mkdir(name, 0700);
        made += setxattr(name, "system.posix_acl_access", &list, 4 + 8 * count, 0) == 0;
        made += setxattr(name, "system.posix_acl_default", &list, 4 + 8 * count, 0) == 0;
    }
    printf(made ? "ESCAPED: %d lists\n" : "BLOCKED: %d lists: %s\n", made, strerror(errno));
}
