/* Whether mixing a block is worth its time, from one quick look at its bytes.
 *
 *   bytes evenly spread?   no  -> mixed
 *                          yes -> 8 bytes repeat, in the block or the dictionary?   yes -> mixed
 *                                                                                   no  -> stored
 *
 * Positions are sampled by their bytes, so a repeat is sampled where its source was.
 */
#ifndef UC_MIX_CHOOSE_H
#define UC_MIX_CHOOSE_H

#include "mix_match.h"

#define MIX_EVEN_LEAST 1024       /* bytes that tell how they are spread */
#define MIX_EVEN_EXCESS 7         /* as many pairs of equal bytes as of even ones, and 1/7 more: 7.8 bits */
#define MIX_SAMPLED_BITS 3        /* one position of 8 is sampled: short headers are not missed */
#define MIX_SEEN_BITS 14
#define MIX_NEAR (1u << (MIX_SAMPLED_BITS + MIX_SEEN_BITS)) /* so far back samples are remembered */
#define MIX_REPEAT_SHARE 256      /* one sampled position of so many repeats */

/* By the Renyi entropy of order 2: two bytes of an even block are equal once in 256 times. */
static inline int mix_is_even(const uint8_t *data, uint32_t size)
{
    uint32_t counts[4][256] = { { 0 } };
    uint64_t equal = 0, even = (uint64_t)size * size / 256;
    uint32_t k;
    for (k = 0; k < size; k++) {
        counts[k & 3][data[k]]++;
    }
    for (k = 0; k < 256; k++) {
        uint64_t count = (uint64_t)counts[0][k] + counts[1][k] + counts[2][k] + counts[3][k];
        equal += count * count;
    }
    return equal <= even + even / MIX_EVEN_EXCESS;
}

/* Whether sampled positions from `from` on repeat the 8 bytes of earlier ones, from `begin` on. */
static inline int mix_has_repeats(const uint8_t *window, uint32_t begin, uint32_t from, uint32_t to)
{
    uint32_t seen[1 << MIX_SEEN_BITS] = { 0 };
    uint32_t repeats = 0, p;
    for (p = begin; p + 8 <= to; p++) {
        uint64_t hash = uc_load_le64(window + p) * 0x9E3779B97F4A7C15u;
        uint32_t *last = &seen[hash >> (64 - MIX_SEEN_BITS)];
        if ((hash >> 32 & ((1u << MIX_SAMPLED_BITS) - 1)) != 0) {
            continue;
        }
        repeats += p >= from && *last && memcmp(window + *last, window + p, 8) == 0;
        *last = p;
    }
    return repeats > ((to - from) >> MIX_SAMPLED_BITS) / MIX_REPEAT_SHARE;
}

/* Whether the bytes window[from .. to) are better stored. */
static inline int mix_is_packed(const uint8_t *window, uint32_t from, uint32_t to)
{
    uint32_t begin = from > MIX_PAD + MIX_NEAR ? from - MIX_NEAR : MIX_PAD;
    return to - from >= MIX_EVEN_LEAST && mix_is_even(window + from, to - from)
        && !mix_has_repeats(window, begin, from, to);
}

#endif
