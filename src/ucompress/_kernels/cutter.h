/* Cuts one allocation into parts, each on a cache line of its own.
 *
 * With a NULL base it only adds up: the size known ahead is the size used. AddressSanitizer sees no more than
 * whole allocations: built with it, a line that must not be touched stands behind each part.
 */
#ifndef UC_CUTTER_H
#define UC_CUTTER_H

#include "lz_memory.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define UC_FENCE 64
#define UC_FENCE_OFF(at, bytes) ASAN_POISON_MEMORY_REGION(at, bytes)
#else
#define UC_FENCE 0
#define UC_FENCE_OFF(at, bytes) ((void)0)
#endif

#define UC_LINES(bytes) (((size_t)(bytes) + 63) & ~(size_t)63)

typedef struct {
    uint8_t *base;
    size_t used;
} uc_cutter;

static inline void *uc_cut(uc_cutter *cutter, size_t bytes)
{
    size_t at = cutter->used;
    cutter->used += UC_LINES(bytes) + UC_FENCE;
    if (!cutter->base) {
        return NULL;
    }
    UC_FENCE_OFF(cutter->base + at + bytes, cutter->used - at - bytes);
    return cutter->base + at;
}

#endif
