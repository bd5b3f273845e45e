/* One walk over a model serves three ends: learn from known bytes, encode them, decode others.
 *
 * The mode is a constant of each caller, so that every walk is compiled three times, without a test in it.
 */
#ifndef UC_CODING_H
#define UC_CODING_H

#include "range_coder.h"

enum { UC_LEARN, UC_PUT, UC_GET };

/* The coder of one mode; the other is not there. */
typedef struct {
    rc_encoder *put;
    rc_decoder *get;
} uc_coding;

/* A bit that is 0 with probability p0 / 65536: `bit` itself, or what the decoder reads. */
static UC_INLINE unsigned uc_code_bit(const int mode, uc_coding *rc, uint32_t p0, unsigned bit)
{
    if (mode == UC_GET) {
        return rc_decode(rc->get, p0);
    }
    if (mode == UC_PUT) {
        rc_encode(rc->put, p0, bit);
    }
    return bit;
}

#endif
