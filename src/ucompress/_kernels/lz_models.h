/* The adaptive state of one block, and the token grammar that walks it.
 *
 *   token   = literal | match | repeat | short            kind: 0, 1, 2, 3
 *   flags     0 literal
 *             1 0                 match   length, offset
 *             1 1 0 0             short   one byte at the last offset
 *             1 1 0 1             repeat  length, last offset
 *             1 1 1 0             repeat  length, last but one
 *             1 1 1 1 0 / 1       repeat  length, third / fourth last
 *
 *   history = kinds of the last three tokens, two bits each: the context of every flag
 *   recent  = the last four distinct uses of an offset, newest first
 *
 * A state is plain memory: priming makes one, memcpy hands it to each block.
 */
#ifndef UC_LZ_MODELS_H
#define UC_LZ_MODELS_H

#include "lz_counters.h"

enum { LZ_LITERAL = 0, LZ_MATCH = 1, LZ_REPEAT = 2, LZ_SHORT = 3 };

#define LZ_HISTORIES 64
#define LZ_POSITIONS 4      /* contexts by position in the block, when a block asks for them */
#define LZ_RECENT 4
#define LZ_MIN_LENGTH 2
#define LZ_MAX_LENGTH 4097  /* 2 + 4095 */
#define LZ_LENGTH_SLOTS 32
#define LZ_OFFSET_SLOTS 64
#define LZ_OFFSET_CLASSES 4 /* by min(length - 2, 3) */
#define LZ_NEAR_SLOTS 14    /* below: every bit of the offset is modelled */
#define LZ_PAGE_BITS 10     /* the dictionary in at most this many bits of pages */
#define LZ_PAST_SLOT 63     /* a place in the dictionary instead of an offset */
#define LZ_ALIGN_BITS 4     /* above: these low bits are */

typedef struct {
    lz_counter slot[LZ_POSITIONS][LZ_LENGTH_SLOTS];
    lz_counter extra[LZ_LENGTH_SLOTS][8];
} lz_length_model;

typedef struct {
    lz_counter match[LZ_POSITIONS][LZ_HISTORIES];
    lz_counter single[LZ_POSITIONS][LZ_HISTORIES]; /* one byte or more at the last offset? */
    lz_counter repeat[LZ_HISTORIES];
    lz_counter older[3][LZ_HISTORIES];             /* not the last; nor the second; nor the third */
    lz_length_model length[2];                     /* of matches; of repeats */
    lz_counter slot[LZ_OFFSET_CLASSES][LZ_OFFSET_SLOTS];
    lz_counter near[LZ_NEAR_SLOTS][32];
    lz_counter align[1 << LZ_ALIGN_BITS];
    lz_counter page[1 << LZ_PAGE_BITS];            /* of the dictionary */
    lz_counter literal[256][256];                  /* by the byte before */
    lz_counter beside[256][256];                   /* by the byte at the last offset */
} lz_model;

typedef struct {
    uint32_t history;
    uint32_t recent[LZ_RECENT];
} lz_context;

/* How a block is coded: from its first byte and the dictionary's size. */
typedef struct {
    uint32_t position_mask; /* 0 or 3 */
    int plain;              /* literals as they are, eight even bits */
    uint32_t past;          /* bytes of dictionary */
    unsigned page_bits, line_bits; /* a place in the dictionary = page, then line */
} lz_shape;

static inline void lz_shape_past(lz_shape *shape, uint32_t past)
{
    unsigned bits = past > 1 ? uc_log2(past - 1) + 1 : 0;
    shape->past = past;
    shape->page_bits = bits < LZ_PAGE_BITS ? bits : LZ_PAGE_BITS;
    shape->line_bits = bits - shape->page_bits;
}

static inline void lz_model_reset(lz_model *m)
{
    lz_counters_reset(m, sizeof *m);
}

static inline void lz_context_reset(lz_context *c)
{
    int k;
    c->history = 0;
    for (k = 0; k < LZ_RECENT; k++) {
        c->recent[k] = (uint32_t)k + 1;
    }
}

static inline void lz_context_push(lz_context *c, unsigned kind)
{
    c->history = (c->history << 2 | kind) & (LZ_HISTORIES - 1);
}

/* Brings the offset used `index`-th last to the front. */
static inline void lz_context_touch(lz_context *c, unsigned index)
{
    uint32_t offset = c->recent[index];
    for (; index > 0; index--) {
        c->recent[index] = c->recent[index - 1];
    }
    c->recent[0] = offset;
}

static inline void lz_context_enter(lz_context *c, uint32_t offset)
{
    c->recent[3] = c->recent[2];
    c->recent[2] = c->recent[1];
    c->recent[1] = c->recent[0];
    c->recent[0] = offset;
}

/* Slots: v < 2^k its own slot, then two slots an octave.   v -> (slot, number of further bits) */
static inline uint32_t lz_offset_slot(uint32_t v)
{
    unsigned e;
    if (v < 4) {
        return v;
    }
    e = uc_log2(v);
    return 2 * e + (v >> (e - 1) & 1);
}

static inline uint32_t lz_length_slot(uint32_t v)
{
    unsigned e;
    if (v < 16) {
        return v;
    }
    e = uc_log2(v);
    return 8 + 2 * e + (v >> (e - 1) & 1);
}

static UC_INLINE void lz_put_length(rc_encoder *rc, lz_length_model *m, uint32_t position, uint32_t length)
{
    uint32_t v = length - LZ_MIN_LENGTH;
    uint32_t slot = lz_length_slot(v);
    lz_put_tree(rc, m->slot[position], 5, slot);
    if (slot >= 16) {
        unsigned bits = (slot - 8) / 2 - 1;
        lz_put_tree(rc, m->extra[slot], 3, v >> (bits - 3) & 7);
        if (rc && bits > 3) {
            rc_encode_direct(rc, v & ((1u << (bits - 3)) - 1), bits - 3);
        }
    }
}

static UC_INLINE uint32_t lz_get_length(rc_decoder *rc, lz_length_model *m, uint32_t position)
{
    uint32_t v = lz_get_tree(rc, m->slot[position], 5);
    if (v >= 16) {
        uint32_t slot = v;
        unsigned bits = (slot - 8) / 2 - 1;
        v = (2 | (slot & 1)) << bits;
        v |= lz_get_tree(rc, m->extra[slot], 3) << (bits - 3);
        if (bits > 3) {
            v |= rc_decode_direct(rc, bits - 3);
        }
    }
    return v + LZ_MIN_LENGTH;
}

static inline uint32_t lz_offset_class(uint32_t length)
{
    return length - 2 < LZ_OFFSET_CLASSES - 1 ? length - 2 : LZ_OFFSET_CLASSES - 1;
}

/* `reach`: bytes of the block before this position. */
static UC_INLINE void lz_put_offset(rc_encoder *rc, lz_model *m, const lz_shape *shape, uint32_t reach,
                                    uint32_t length, uint32_t offset)
{
    uint32_t v = offset - 1;
    lz_counter *slots = m->slot[lz_offset_class(length)];
    uint32_t slot = lz_offset_slot(v);
    if (offset > reach) {
        uint32_t place = shape->past + reach - offset;
        lz_put_tree(rc, slots, 6, LZ_PAST_SLOT);
        lz_put_tree(rc, m->page, shape->page_bits, place >> shape->line_bits);
        if (rc && shape->line_bits) {
            rc_encode_direct(rc, place & ((1u << shape->line_bits) - 1), shape->line_bits);
        }
        return;
    }
    lz_put_tree(rc, slots, 6, slot);
    if (slot >= 4) {
        unsigned bits = slot / 2 - 1;
        uint32_t low = v & ((1u << bits) - 1);
        if (slot < LZ_NEAR_SLOTS) {
            lz_put_reverse(rc, m->near[slot], bits, low);
        } else {
            if (rc) {
                rc_encode_direct(rc, low >> LZ_ALIGN_BITS, bits - LZ_ALIGN_BITS);
            }
            lz_put_reverse(rc, m->align, LZ_ALIGN_BITS, low & ((1u << LZ_ALIGN_BITS) - 1));
        }
    }
}

static UC_INLINE uint32_t lz_get_offset(rc_decoder *rc, lz_model *m, const lz_shape *shape, uint32_t reach,
                                        uint32_t length)
{
    uint32_t slot = lz_get_tree(rc, m->slot[lz_offset_class(length)], 6);
    uint32_t v;
    unsigned bits;
    if (slot < 4) {
        return slot + 1;
    }
    if (slot == LZ_PAST_SLOT) {
        v = lz_get_tree(rc, m->page, shape->page_bits);
        if (shape->line_bits) {
            v = v << shape->line_bits | rc_decode_direct(rc, shape->line_bits);
        }
        return shape->past + reach - v; /* 0 or less for a place behind the dictionary's end */
    }
    bits = slot / 2 - 1;
    v = (2 | (slot & 1)) << bits;
    if (slot < LZ_NEAR_SLOTS) {
        v |= lz_get_reverse(rc, m->near[slot], bits);
    } else {
        if (bits > 20 + LZ_ALIGN_BITS) {
            return 0xFFFFFFFF; /* farther than any offset: the caller's bound refuses it */
        }
        v |= rc_decode_direct(rc, bits - LZ_ALIGN_BITS) << LZ_ALIGN_BITS;
        v |= lz_get_reverse(rc, m->align, LZ_ALIGN_BITS);
    }
    return v + 1;
}

#endif
