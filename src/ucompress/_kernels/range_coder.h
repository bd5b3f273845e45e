/* Binary range coder: 64-bit interval, renormalised 32 bits at a time.
 *
 *   interval [low, low + range)        invariant between calls: range >= 2^32
 *      bit 0 takes the lower  bound = (range >> 16) * p0     p0 = P(bit = 0) in 1/65536
 *      bit 1 takes the upper  range - bound
 *      range < 2^32 ?  ->  four bytes leave (enter), most significant first
 *
 * Every modelled bit keeps at least 15/65536 of the range, every symbol 1/32768, so one
 * renormalisation restores the invariant. A carry out of `low` walks back through the bytes already
 * written: the output is one buffer, so nothing has to be held back (Schindler's carry-less variants
 * and LZMA's cache byte are both unneeded). Behind the last byte the decoder reads zeros, and the
 * encoder's flush relies on it to keep as few bytes as name a number inside the interval.
 *
 * Sources: Martin, "Range encoding" (1979); Pavlov's LZMA SDK for the binary adaptive form.
 */
#ifndef UC_RANGE_CODER_H
#define UC_RANGE_CODER_H

#include "lz_memory.h"

typedef struct {
    uint64_t low, range;
    uint8_t *begin, *out, *end;
    int overflow; /* set once the output would pass `end`: the result is then worthless */
} rc_encoder;

typedef struct {
    uint64_t code, range; /* code is relative to the interval's low end */
    const uint8_t *in, *end;
    uint32_t beyond; /* bytes read behind `end`, all zero */
} rc_decoder;

#define RC_FLOOR ((uint64_t)1 << 32)

static inline void rc_encoder_init(rc_encoder *rc, uint8_t *out, size_t capacity)
{
    rc->low = 0;
    rc->range = ~(uint64_t)0;
    rc->begin = rc->out = out;
    rc->end = out + capacity;
    rc->overflow = 0;
}

static UC_NOINLINE void rc_carry(rc_encoder *rc)
{
    uint8_t *p = rc->out;
    while (p > rc->begin && ++*--p == 0) { }
}

static inline void rc_encoder_normalise(rc_encoder *rc)
{
    if (rc->range < RC_FLOOR) {
        if (UC_UNLIKELY(rc->end - rc->out < 4)) {
            rc->overflow = 1;
        } else {
            uc_store_be32(rc->out, (uint32_t)(rc->low >> 32));
            rc->out += 4;
        }
        rc->low <<= 32;
        rc->range <<= 32;
    }
}

static inline void rc_encoder_advance(rc_encoder *rc, uint64_t step)
{
    rc->low += step;
    if (UC_UNLIKELY(rc->low < step)) {
        rc_carry(rc);
    }
}

static inline void rc_encode(rc_encoder *rc, uint32_t p0, unsigned bit)
{
    uint64_t bound = (rc->range >> 16) * p0;
    if (bit) {
        rc_encoder_advance(rc, bound);
        rc->range -= bound;
    } else {
        rc->range = bound;
    }
    rc_encoder_normalise(rc);
}

/* `count` (1..20) bits of equal probability at once. */
static inline void rc_encode_direct(rc_encoder *rc, uint32_t value, unsigned count)
{
    rc->range >>= count;
    rc_encoder_advance(rc, rc->range * value);
    rc_encoder_normalise(rc);
}

/* What has the part [low, high) of 2^bits; bits at most 16. */
static inline void rc_encode_part(rc_encoder *rc, uint32_t low, uint32_t high, unsigned bits)
{
    uint64_t unit = rc->range >> bits;
    rc_encoder_advance(rc, unit * low);
    rc->range = unit * (high - low);
    rc_encoder_normalise(rc);
}

/* Writes the fewest bytes that, followed by zeros, name a number inside the interval. */
static inline void rc_encoder_flush(rc_encoder *rc)
{
    unsigned kept;
    for (kept = 0; kept < 8; kept++) {
        uint64_t mask = kept ? ~(uint64_t)0 >> (8 * kept) : ~(uint64_t)0;
        uint64_t value = (rc->low + mask) & ~mask;
        if (value - rc->low < rc->range) {
            if (value < rc->low) {
                rc_carry(rc);
            }
            rc->low = value;
            break;
        }
    }
    for (; kept > 0; kept--) {
        if (rc->out == rc->end) {
            rc->overflow = 1;
            return;
        }
        *rc->out++ = (uint8_t)(rc->low >> 56);
        rc->low <<= 8;
    }
}

/* The last word: fewer than four bytes, zeros behind them. */
static UC_NOINLINE uint32_t rc_tail(const uint8_t *in, const uint8_t *end)
{
    uint32_t word = 0;
    int k;
    for (k = 0; k < 4; k++) {
        word = word << 8 | (in < end ? *in++ : 0);
    }
    return word;
}

static inline uint32_t rc_read(rc_decoder *rc)
{
    size_t left = (size_t)(rc->end - rc->in);
    uint32_t word;
    if (UC_LIKELY(left >= 4)) {
        word = uc_load_be32(rc->in);
        rc->in += 4;
        return word;
    }
    word = rc_tail(rc->in, rc->end);
    rc->in = rc->end;
    rc->beyond += (uint32_t)(4 - left);
    return word;
}

static inline void rc_decoder_init(rc_decoder *rc, const uint8_t *in, size_t length)
{
    rc->in = in;
    rc->end = in + length;
    rc->beyond = 0;
    rc->range = ~(uint64_t)0;
    rc->code = (uint64_t)rc_read(rc) << 32;
    rc->code |= rc_read(rc);
}

static inline void rc_decoder_normalise(rc_decoder *rc)
{
    if (rc->range < RC_FLOOR) {
        rc->range <<= 32;
        rc->code = rc->code << 32 | rc_read(rc);
    }
}

/* Selection without a branch on a bit that nobody foresees. */
static inline unsigned rc_decode(rc_decoder *rc, uint32_t p0)
{
    uint64_t bound = (rc->range >> 16) * p0, above = rc->code - bound, rest = rc->range - bound;
    unsigned one = rc->code >= bound;
    rc->code = UC_SELECT(one, above, rc->code);
    rc->range = UC_SELECT(one, rest, bound);
    rc_decoder_normalise(rc);
    return one;
}

static inline uint32_t rc_decode_direct(rc_decoder *rc, unsigned count)
{
    uint64_t value;
    uint64_t largest = ((uint64_t)1 << count) - 1;
    rc->range >>= count;
    value = rc->code / rc->range;
    if (UC_UNLIKELY(value > largest)) {
        value = largest; /* only damage gets here; what follows is checked as always */
    }
    rc->code -= value * rc->range;
    rc_decoder_normalise(rc);
    return (uint32_t)value;
}

/* Where in 2^bits the code stands: in the part of what comes next. */
static inline uint32_t rc_decode_at(const rc_decoder *rc, unsigned bits)
{
    uint64_t value = rc->code / (rc->range >> bits);
    uint64_t largest = ((uint64_t)1 << bits) - 1;
    return (uint32_t)(value < largest ? value : largest);
}

static inline void rc_decode_part(rc_decoder *rc, uint32_t low, uint32_t high, unsigned bits)
{
    uint64_t unit = rc->range >> bits;
    rc->code -= unit * low;
    rc->range = unit * (high - low);
    rc_decoder_normalise(rc);
}

/* A sound payload is read no further than the flush allows, and to its end by who wants the whole block. */
static inline int rc_decoder_sound(const rc_decoder *rc, int whole)
{
    return (rc->in == rc->end || !whole) && rc->beyond <= 8;
}

#endif
