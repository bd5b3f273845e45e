/* What the C allocator does with freed memory, where it is glibc's; elsewhere nothing. */
#ifndef UCOMPRESS_HEAP_H
#define UCOMPRESS_HEAP_H

#include <limits.h>
#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

/* All threads take from one heap, spans of any size, and what is freed stays there. */
static void uc_keep_freed(void)
{
#ifdef __GLIBC__
    if (mallopt(M_ARENA_MAX, 1)) {
        mallopt(M_TRIM_THRESHOLD, INT_MAX);
        mallopt(M_MMAP_MAX, 0);
    }
#endif
}

/* What is freed goes back to the system. */
static void uc_release_freed(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

#endif
