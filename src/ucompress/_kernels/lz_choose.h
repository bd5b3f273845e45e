/* How to code a block, from one quick look at its bytes, before any heavy work.
 *
 *   bytes evenly distributed?  no  -> coded
 *                              yes -> long repeats, in itself or the dictionary?
 *                                       yes -> plain: matches, literals as they are
 *                                       no  -> stored
 */
#ifndef UC_LZ_CHOOSE_H
#define UC_LZ_CHOOSE_H

#include "lz_encoder.h"

#define LZ_EVEN_PRICE (LZ_BIT_PRICE * 79 / 10) /* 7.9 bits a byte */
#define LZ_SAMPLED 64
#define LZ_REPEAT_SHARE 256                     /* one position of so many repeats 8 bytes */

/* Entropy of the histogram, in 1/64 bit a byte; rounds up a little for rare bytes. */
static inline uint32_t lz_even_price(const lz_prices *t, const uint32_t counts[256], uint32_t size)
{
    uint64_t price = 0;
    uint32_t k;
    for (k = 0; k < 256; k++) {
        uint32_t p = (uint32_t)(((uint64_t)counts[k] << 16) / size);
        price += (uint64_t)counts[k] * lz_price_p0(t, p > 65535 ? 65535 : p, 0);
    }
    return (uint32_t)(price / size);
}

/* Counts sampled positions whose 8 bytes stood before, in a small table of the finder, still empty.
 * The bytes choose the samples, so a repeat is sampled where its source was, however far. */
static inline int lz_has_repeats(const lz_finder *f)
{
    uint32_t repeats = 0, p;
    for (p = f->own.base; p + 8 <= f->end; p++) {
        const uint8_t *here = f->window + p;
        uint32_t hash = lz_hash4(here, 32);
        uint32_t *last = &f->triples[hash >> (32 - LZ_SHORT_BITS)];
        uint32_t node = *last;
        if ((hash >> 8) % LZ_SAMPLED != 0) {
            continue;
        }
        *last = p + 1;
        if (node && memcmp(f->window + node - 1, here, 8) == 0) {
            repeats++;
        } else if (f->shared) {
            node = f->shared->heads[lz_hash4(here, f->shared->bits)];
            repeats += node && memcmp(f->window + node - 1, here, 8) == 0;
        }
    }
    memset(f->triples, 0, sizeof(uint32_t) << LZ_SHORT_BITS);
    return repeats > (f->end - f->own.base) / LZ_SAMPLED / LZ_REPEAT_SHARE;
}

/* Returns 0 for a block to be stored. The finder has begun the block. */
static inline int lz_choose_shape(lz_encoder *e, const uint8_t *data, uint32_t size)
{
    uint32_t counts[256] = { 0 };
    uint32_t k;
    int plain;
    for (k = 0; k < size; k++) {
        counts[data[k]]++;
    }
    plain = size >= 1024 && lz_even_price(e->prices, counts, size) >= LZ_EVEN_PRICE;
    e->shape.literals = plain ? LZ_PLAIN : e->finder.effort.literals;
    lz_shape_past(&e->shape, e->past);
    return !plain || lz_has_repeats(&e->finder);
}

#endif
