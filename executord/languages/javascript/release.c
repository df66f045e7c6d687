/*
 * Releases pages that Node needs to start and hardly ever afterwards: its read-only data, including the startup snapshot.
 * Unmapping them would take the kernel a third of a millisecond when the program ends. prelude.cjs loads this library like
 * an addon. It does its work in the constructor, and Node then unloads it, because it is not an addon.
 *
 * Pages that are read again come from the page cache, because read-only segments are never modified.
 */
#define _GNU_SOURCE
#include <link.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static int release_read_only_segments(struct dl_phdr_info *object, size_t size, void *data)
{
    uintptr_t page = sysconf(_SC_PAGESIZE);

    (void)size;
    (void)data;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || segment->p_flags != PF_R)
            continue;
        /* Only whole pages: the last one may be shared with the next segment. */
        uintptr_t start = (object->dlpi_addr + segment->p_vaddr + page - 1) & -page;
        uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_filesz) & -page;
        if (start < end)
            madvise((void *)start, end - start, MADV_DONTNEED);
    }
    /* Stops after the executable, which is the first object, and the largest by far. */
    return 1;
}

__attribute__((constructor)) static void release(void)
{
    dl_iterate_phdr(release_read_only_segments, NULL);
}
