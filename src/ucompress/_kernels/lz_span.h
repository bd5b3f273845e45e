/* Bytes of the window that are to be decoded, and how copies fill them.
 *
 * Copies may write up to LZ_SLACK - 1 bytes behind a token's end, never behind the window's.
 */
#ifndef UC_LZ_SPAN_H
#define UC_LZ_SPAN_H

#include "lz_block.h"

typedef struct {
    lz_model *model;
    uint8_t *window;
    lz_shape shape;
    rc_decoder coded;
    lz_context context;
    uint32_t position, end; /* the span is window[position .. end) */
    uint32_t until;         /* bytes from here on are not wanted: at most end */
    uint32_t inserted;      /* places below are candidates */
} lz_span;

static UC_INLINE void lz_copy(uint8_t *out, uint32_t offset, uint32_t length)
{
    const uint8_t *from = out - offset;
    uint8_t *end = out + length;
    if (UC_LIKELY(offset >= 16)) {
        do {
            memcpy(out, from, 16);
            out += 16;
            from += 16;
        } while (out < end);
    } else {
        do {
            *out++ = *from++;
        } while (out < end);
    }
}

#endif
