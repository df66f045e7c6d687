/*
 * Extension modules at the end of a program: see exit.c. The types of those below destroy their objects without an effect
 * outside the process, except for finalizers, which observers.c finds. Any other module, and any library that a program
 * loads, gets the complete finalization: it may have threads, or write when an object is destroyed.
 */
#include "exit.h"

#include <link.h>
#include <stdlib.h>
#include <string.h>

/* Modules of the standard library, sorted. */
static const char *const MODULES[] = {
    "_asyncio", "_bisect", "_blake2", "_bz2", "_codecs_cn", "_codecs_hk", "_codecs_iso2022", "_codecs_jp", "_codecs_kr",
    "_codecs_tw", "_contextvars", "_crypt", "_csv", "_datetime", "_decimal", "_elementtree", "_hashlib", "_heapq", "_json",
    "_lzma", "_md5", "_multibytecodec", "_opcode", "_pickle", "_posixsubprocess", "_queue", "_random", "_sha1", "_sha256",
    "_sha3", "_sha512", "_socket", "_statistics", "_struct", "_typing", "_uuid", "_zoneinfo", "array", "audioop", "binascii",
    "cmath", "executor_exit", "executor_zygote", "fcntl", "grp", "math", "mmap", "pyexpat", "resource", "select", "spwd",
    "termios", "unicodedata", "zlib",
};

/* Libraries that these modules and the C library load, sorted. */
static const char *const LIBRARIES[] = {
    "ld-linux-aarch64", "ld-linux-x86-64", "libbz2", "libc", "libcrypt", "libcrypto", "libdl", "libexpat", "libgcc_s",
    "liblzma", "libm", "libmpdec", "libnss_dns", "libnss_files", "libpthread", "libresolv", "librt", "libutil", "libuuid",
    "libz",
};

struct loaded {
    unsigned long long removed; /* since the process started */
    unsigned count;
};

static struct loaded start;

static int compare(const void *name, const void *other)
{
    return strcmp(name, *(const char *const *)other);
}

static int contains(const char *const *names, size_t count, const char *name)
{
    return bsearch(name, names, count, sizeof *names, compare) != NULL;
}

static int starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static int is_of_system(const char *path)
{
    return starts_with(path, "/usr/") || starts_with(path, "/lib") || starts_with(path, "/launcher/");
}

static int is_known(const char *path)
{
    const char *file = strrchr(path, '/');
    char name[64];

    /* The executable and the vDSO have no path. */
    if (!file)
        return 1;
    size_t length = strcspn(++file, ".");
    if (!is_of_system(path) || length >= sizeof name)
        return 0;
    memcpy(name, file, length);
    name[length] = '\0';
    return contains(MODULES, sizeof MODULES / sizeof *MODULES, name) ||
           contains(LIBRARIES, sizeof LIBRARIES / sizeof *LIBRARIES, name);
}

/* Called for each loaded object, the oldest first. Those of the start need no check. */
static int check(struct dl_phdr_info *object, size_t size, void *number)
{
    unsigned index = (*(unsigned *)number)++;

    (void)size;
    return object->dlpi_subs != start.removed || (index >= start.count && !is_known(object->dlpi_name));
}

static int count(struct dl_phdr_info *object, size_t size, void *loaded)
{
    struct loaded *all = loaded;

    (void)size;
    *all = (struct loaded){object->dlpi_subs, all->count + 1};
    return 0;
}

int record_libraries(void)
{
    return dl_iterate_phdr(count, &start) == 0;
}

int libraries_are_harmless(void)
{
    unsigned number = 0;

    return dl_iterate_phdr(check, &number) == 0;
}
