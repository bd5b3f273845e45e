/* What one encoder holds, and the emission of single tokens.
 *
 *   lz_encoder    window | finder | state of the block | prices | parse nodes | range coder
 *
 * All memory is the caller's; the layout function in lz_setup.h cuts it up.
 */
#ifndef UC_LZ_ENCODER_H
#define UC_LZ_ENCODER_H

#include "lz_finder.h"
#include "lz_prices.h"

#define LZ_SEGMENT 4096                      /* positions the parse looks ahead */
#define LZ_NODES (LZ_SEGMENT + LZ_PRICED + 8)

/* The cheapest known way to arrive at each position: a price, and one token. A step is a token's kind,
 * index and length in one word. */
typedef struct {
    int32_t price[LZ_NODES];
    uint32_t step[LZ_NODES], value[LZ_NODES];
    uint32_t next[LZ_NODES];       /* of the path that won, once it is known */
    lz_context context[LZ_NODES];  /* after arriving, known once the node is visited */
    lz_view view[LZ_NODES];        /* candidates of the visited nodes */
} lz_nodes;

#define LZ_STEP_LENGTH 5 /* bits below the length */

static UC_INLINE uint32_t lz_step(unsigned kind, unsigned index, uint32_t length)
{
    return length << LZ_STEP_LENGTH | index << 2 | kind;
}

static UC_INLINE uint32_t lz_step_length(uint32_t step)
{
    return step >> LZ_STEP_LENGTH;
}

static UC_INLINE lz_token lz_step_token(uint32_t step, uint32_t value)
{
    return (lz_token){ step & 3, step >> 2 & 7, lz_step_length(step), value };
}

typedef struct {
    lz_finder finder;
    lz_model *model;
    lz_prices *prices;
    lz_nodes *nodes;
    rc_encoder rc;
    lz_context context;
    lz_shape shape;
    const uint8_t *window;
    uint32_t past;       /* the dictionary is window[0 .. past) */
    uint32_t begin, end; /* the block is window[begin .. end) */
    uint32_t inserted;   /* places below are candidates */
    uint32_t stale;      /* bytes coded since the prices were read */
} lz_encoder;

#define LZ_FAR 0x7FFFFFFF
#define LZ_REFRESH 4096
#define LZ_SEGMENT_LEAST 1024
#define LZ_LEAD 6 /* bytes that pay an explicit offset at the end of a segment */
#define LZ_KNOWN_BITS 5
#define LZ_KNOWN_LEAST 16

/* Offsets whose bytes were compared: all equal up to `end`, and not there. */
typedef struct {
    uint32_t offset[1 << LZ_KNOWN_BITS], end[1 << LZ_KNOWN_BITS];
} lz_known;

typedef struct {
    lz_encoder *e;
    lz_known *known;
    uint32_t start, last; /* position of node 0; highest node that has an arrival */
    uint32_t i;           /* the node that is visited */
    int32_t ceiling;      /* no node from here to `last` has a higher price */
    lz_scene scene;
    uint32_t recent[LZ_RECENT], named[LZ_WAYS]; /* bytes equal at each */
    lz_match matches[LZ_MATCHES];
    uint32_t count;
    uint32_t reach;       /* of the copies by recent[0] and of candidates */
    lz_token longest;
} lz_path;

/* Equal bytes at `offset`, 0 where it reaches behind the window. What is long is remembered. */
static UC_INLINE uint32_t lz_common(const lz_encoder *e, lz_known *known, uint32_t position, uint32_t offset,
                                    uint32_t limit)
{
    const uint8_t *here = e->window + position;
    uint32_t slot = offset * 2654435761u >> (32 - LZ_KNOWN_BITS), length;
    if (offset > position || here[0] != here[-(ptrdiff_t)offset]) {
        return 0;
    }
    if (known->offset[slot] == offset && known->end[slot] > position) {
        return known->end[slot] - position;
    }
    length = uc_match_length(here, here - offset, limit);
    if (length >= LZ_KNOWN_LEAST && length < LZ_MAX_LENGTH) {
        known->offset[slot] = offset;
        known->end[slot] = position + length;
    }
    return length;
}

static inline uint32_t lz_room(const lz_encoder *e, uint32_t position)
{
    return e->end - position < LZ_MAX_LENGTH ? e->end - position : LZ_MAX_LENGTH;
}

#endif
