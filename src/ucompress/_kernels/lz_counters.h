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
 * Each operation exists three times over one shape: learn (prime), encode, decode.
 */
#ifndef UC_LZ_COUNTERS_H
#define UC_LZ_COUNTERS_H

#include "range_coder.h"

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

static inline void lz_counters_reset(void *counters, size_t bytes)
{
    uint16_t *c = (uint16_t *)counters;
    size_t k;
    for (k = 0; k < bytes / 2; k++) {
        c[k] = 32768;
    }
}

/* `rc` == NULL: only learn. Inlined, the test disappears. */
static UC_INLINE void lz_put_bit(rc_encoder *rc, lz_counter *c, unsigned bit)
{
    if (rc) {
        rc_encode(rc, lz_p0(c), bit);
    }
    lz_learn(c, bit);
}

static UC_INLINE unsigned lz_get_bit(rc_decoder *rc, lz_counter *c)
{
    unsigned bit = rc_decode(rc, lz_p0(c));
    lz_learn(c, bit);
    return bit;
}

static UC_INLINE unsigned lz_get_even(rc_decoder *rc, lz_counter *c)
{
    unsigned bit = rc_decode_even(rc, lz_p0(c));
    lz_learn(c, bit);
    return bit;
}

/* Trees: node 1 is the root, node n has the children 2n and 2n + 1; most significant bit first. */
static UC_INLINE void lz_put_tree(rc_encoder *rc, lz_counter *tree, unsigned bits, uint32_t symbol)
{
    uint32_t node = 1;
    while (bits-- > 0) {
        unsigned bit = symbol >> bits & 1;
        lz_put_bit(rc, tree + node, bit);
        node = node << 1 | bit;
    }
}

static UC_INLINE uint32_t lz_get_tree(rc_decoder *rc, lz_counter *tree, unsigned bits)
{
    uint32_t node = 1;
    unsigned k;
    for (k = 0; k < bits; k++) {
        node = node << 1 | lz_get_even(rc, tree + node);
    }
    return node - (1u << bits);
}

/* The same trees with the least significant bit first: for the low ends of offsets. */
static UC_INLINE void lz_put_reverse(rc_encoder *rc, lz_counter *tree, unsigned bits, uint32_t symbol)
{
    uint32_t node = 1;
    while (bits-- > 0) {
        unsigned bit = symbol & 1;
        symbol >>= 1;
        lz_put_bit(rc, tree + node, bit);
        node = node << 1 | bit;
    }
}

static UC_INLINE uint32_t lz_get_reverse(rc_decoder *rc, lz_counter *tree, unsigned bits)
{
    uint32_t node = 1, symbol = 0;
    unsigned k;
    for (k = 0; k < bits; k++) {
        unsigned bit = lz_get_even(rc, tree + node);
        node = node << 1 | bit;
        symbol |= bit << k;
    }
    return symbol;
}

#endif
