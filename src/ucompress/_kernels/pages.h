/* Megabytes at a time, in pages of the system's own: what is given back is the system's again at once.
 *
 *   [ bytes taken, 64 bytes | memory ]
 *
 * From the C library's heap they would leave holes there, and blocks that live long would end up in them.
 * AddressSanitizer has them from its heap: there it sees their ends and what is used after it was given back,
 * and no fence (`cutter.h`) of a former life is left.
 */
#ifndef UC_PAGES_H
#define UC_PAGES_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__)
#define UC_PAGES_ARE_MAPPED 1
#else
#define UC_PAGES_ARE_MAPPED 0
#endif

#define UC_PAGES_HEAD ((size_t)64)

/* Random access over megabytes: fewer, larger pages where the system gives them. A wish only. */
static inline void uc_wish_huge_pages(void *memory, size_t bytes)
{
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    const size_t page = (size_t)2 << 20;
    uintptr_t first = ((uintptr_t)memory + page - 1) & ~(uintptr_t)(page - 1);
    uintptr_t last = ((uintptr_t)memory + bytes) & ~(uintptr_t)(page - 1);
    if (first < last) {
        (void)madvise((void *)first, last - first, MADV_HUGEPAGE);
    }
#else
    (void)memory;
    (void)bytes;
#endif
}

/* `bytes` of memory for random access, whatever is in it; NULL where it cannot be had. */
static inline void *uc_take_pages(size_t bytes)
{
    size_t taken = bytes + UC_PAGES_HEAD;
    uint8_t *memory;
    if (taken < bytes) {
        return NULL;
    }
#if UC_PAGES_ARE_MAPPED
    memory = (uint8_t *)mmap(NULL, taken, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == (uint8_t *)MAP_FAILED) {
        return NULL;
    }
#else
    memory = (uint8_t *)malloc(taken);
    if (memory == NULL) {
        return NULL;
    }
#endif
    uc_wish_huge_pages(memory, taken);
    *(size_t *)memory = taken;
    return memory + UC_PAGES_HEAD;
}

/* Give back what `uc_take_pages` gave, NULL included. */
static inline void uc_give_pages(void *memory)
{
    uint8_t *taken;
    if (memory == NULL) {
        return;
    }
    taken = (uint8_t *)memory - UC_PAGES_HEAD;
#if UC_PAGES_ARE_MAPPED
    (void)munmap(taken, *(size_t *)taken);
#else
    free(taken);
#endif
}

#endif
