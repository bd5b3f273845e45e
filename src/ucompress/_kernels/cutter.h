/* Cuts one allocation into parts, each on a cache line of its own.
 *
 * With a NULL base it only adds up: the size known ahead is the size used.
 */
#ifndef UC_CUTTER_H
#define UC_CUTTER_H

#include "lz_memory.h"

#define UC_LINES(bytes) (((size_t)(bytes) + 63) & ~(size_t)63)

typedef struct {
    uint8_t *base;
    size_t used;
} uc_cutter;

static inline void *uc_cut(uc_cutter *cutter, size_t bytes)
{
    size_t at = cutter->used;
    cutter->used += UC_LINES(bytes);
    return cutter->base ? cutter->base + at : NULL;
}

#endif
