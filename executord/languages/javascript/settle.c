/*
 * Lets go of what Node needs to start and hardly afterwards: its constants, among them the snapshot. To unmap those pages
 * would take the kernel a third of a millisecond when the program ends. Loaded by prelude.cjs like an addon, this does its
 * work and is refused as none, so nothing of it stays.
 *
 * What is read again comes from the page cache: nobody has written to a segment that may only be read.
 */
#define _GNU_SOURCE
#include <link.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static int let_go(struct dl_phdr_info *object, size_t size, void *data)
{
    uintptr_t page = sysconf(_SC_PAGESIZE);

    (void)size;
    (void)data;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || segment->p_flags != PF_R)
            continue;
        /* Whole pages of this segment only; a last one may be shared with the next. */
        uintptr_t start = (object->dlpi_addr + segment->p_vaddr + page - 1) & -page;
        uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_filesz) & -page;
        if (start < end)
            madvise((void *)start, end - start, MADV_DONTNEED);
    }
    /* The executable is the first of all, and the largest by far. */
    return 1;
}

__attribute__((constructor)) static void settle(void)
{
    dl_iterate_phdr(let_go, NULL);
}
