/* Adaptive bits: a counter is the mean of a fast and a slow estimate of P(bit = 0).
 *
 *   p0      = (fast + slow) / 2                          in 1/65536
 *   bit 0:    c += (65535 - c) >> rate                   rate 4 (fast), 7 (slow)
 *   bit 1:    c -= c >> rate
 *
 * Neither estimate leaves [15, 65535 - 15], so p0 is never 0 and never 65536. The pair is
 * better than any single rate: it follows a change within 16 bits and still tells 1 % from
 * 0.2 % in the long run.
 *
 * Learning, encoding and decoding are one function each, told apart by a constant `mode`:
 *
 *   UC_LEARN   the bits are given, nothing is coded (priming)
 *   UC_PUT     the bits are given and coded
 *   UC_GET     the bits are decoded
 */
#ifndef UC_LZ_COUNTERS_H
#define UC_LZ_COUNTERS_H

#include "coding.h"

#define LZ_RATE_FAST 4
#define LZ_RATE_SLOW 7

typedef struct {
    uint16_t fast, slow;
} lz_counter;

static inline uint32_t lz_p0(const lz_counter *c)
{
    return ((uint32_t)c->fast + c->slow) >> 1;
}

/* Without a branch; >> of a negative int is arithmetic on every compiler we build with. */
static inline void lz_learn(lz_counter *c, unsigned bit)
{
    int32_t fast_target = bit ? (1 << LZ_RATE_FAST) - 1 : 65535;
    int32_t slow_target = bit ? (1 << LZ_RATE_SLOW) - 1 : 65535;
    c->fast = (uint16_t)(c->fast + ((fast_target - c->fast) >> LZ_RATE_FAST));
    c->slow = (uint16_t)(c->slow + ((slow_target - c->slow) >> LZ_RATE_SLOW));
}

#define LZ_SYMBOL_BITS 15
#define LZ_SYMBOL_SUM (32768 - 16)
#define LZ_SYMBOL_FAST 5
#define LZ_SYMBOL_SLOW 8

/* One of sixteen values; see lz_symbol.h. */
typedef struct {
    int16_t fast[16], slow[16];
} lz_symbol;

/* From 15 - v on: what the entries move to when v was seen. */
static const int16_t lz_symbol_targets[31] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    LZ_SYMBOL_SUM, LZ_SYMBOL_SUM, LZ_SYMBOL_SUM, LZ_SYMBOL_SUM, LZ_SYMBOL_SUM,
    LZ_SYMBOL_SUM, LZ_SYMBOL_SUM, LZ_SYMBOL_SUM, LZ_SYMBOL_SUM, LZ_SYMBOL_SUM,
    LZ_SYMBOL_SUM, LZ_SYMBOL_SUM, LZ_SYMBOL_SUM, LZ_SYMBOL_SUM, LZ_SYMBOL_SUM,
};

/* Sixteen evenly likely values, over and over. */
static inline void lz_cumulative_reset(void *entries, size_t bytes)
{
    int16_t *c = (int16_t *)entries;
    size_t k;
    for (k = 0; k < bytes / 2; k++) {
        c[k] = (int16_t)((int)(k & 15) * (LZ_SYMBOL_SUM / 16));
    }
}

#define LZ_BLENDED 3
#define LZ_BLEND_RATE 5

/* Half a literal of a quick block; see lz_blend.h. */
typedef struct {
    int16_t *model[LZ_BLENDED];
    uint16_t *weight; /* of all but the last */
} lz_blend;

/* order 1, order 2, candidate 0 */
static const int lz_blend_rates[LZ_BLENDED] = { 5, 3, 4 };

/* What is below k, of 32768; k from 0 to 16. */
static UC_INLINE uint32_t lz_symbol_bound(const lz_symbol *m, unsigned k)
{
    return k == 16 ? 32768 : (((uint32_t)m->fast[k] + (uint32_t)m->slow[k] + 1) >> 1) + k;
}

static inline void lz_counters_reset(void *counters, size_t bytes)
{
    uint16_t *c = (uint16_t *)counters;
    size_t k;
    for (k = 0; k < bytes / 2; k++) {
        c[k] = 32768;
    }
}

static UC_INLINE unsigned lz_code_counter(const int mode, uc_coding *rc, lz_counter *c, unsigned bit)
{
    bit = uc_code_bit(mode, rc, lz_p0(c), bit);
    lz_learn(c, bit);
    return bit;
}

/* `bits` (1..20) even bits. Only the lowest `bits` of `value` count. */
static UC_INLINE uint32_t lz_code_direct(const int mode, uc_coding *rc, unsigned bits, uint32_t value)
{
    value &= (1u << bits) - 1;
    if (mode == UC_GET) {
        return rc_decode_direct(rc->get, bits);
    }
    if (mode == UC_PUT) {
        rc_encode_direct(rc->put, value, bits);
    }
    return value;
}

/* Trees: node 1 is the root, node n has the children 2n and 2n + 1; most significant bit first. */
static UC_INLINE uint32_t lz_code_tree(const int mode, uc_coding *rc, lz_counter *tree, unsigned bits,
                                       uint32_t value)
{
    uint32_t node = 1;
    unsigned k = bits;
    while (k-- > 0) {
        node = node << 1 | lz_code_counter(mode, rc, tree + node, value >> k & 1);
    }
    return node - (1u << bits);
}

/* The same trees with the least significant bit first: for the low ends of offsets. */
static UC_INLINE uint32_t lz_code_reverse(const int mode, uc_coding *rc, lz_counter *tree, unsigned bits,
                                          uint32_t value)
{
    uint32_t node = 1, low = 0;
    unsigned k;
    for (k = 0; k < bits; k++) {
        unsigned bit = lz_code_counter(mode, rc, tree + node, value >> k & 1);
        node = node << 1 | bit;
        low |= bit << k;
    }
    return low;
}

#endif
