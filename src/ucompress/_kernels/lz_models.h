/* The adaptive state of one block, and what an encoder and a decoder both know between tokens.
 *
 *   lz_model     candidates | cells of mixed literals | rows of quick ones | cells of flags
 *                | symbols and counters of lengths and offsets
 *   lz_context   kinds of the last tokens, the recent offsets
 *
 * A model is plain memory: priming makes one, and each block is handed what it uses of it: one kind of
 * literals, and all the rest.
 */
#ifndef UC_LZ_MODELS_H
#define UC_LZ_MODELS_H

#include "lz_candidates.h"
#include "lz_nibble.h"

enum { LZ_LITERAL = 0, LZ_MATCH = 1, LZ_REPEAT = 2, LZ_NAMED = 3 };

/* Where a length is told: after the last offset, a candidate, an older offset, an explicit one. */
enum { LZ_OF_REPEAT, LZ_OF_FIRST, LZ_OF_DEEP, LZ_OF_OTHER, LZ_OF_OLDER, LZ_OF_MATCH, LZ_LENGTH_KINDS };

static const uint32_t lz_least_length[LZ_LENGTH_KINDS] = { 1, 2, 2, 2, 2, 3 };

#define LZ_HISTORIES 64
#define LZ_RECENT 4
#define LZ_MAX_LENGTH 4095  /* 1 + LZ_LONG - 1 + 4080 */
#define LZ_LONG 15
#define LZ_LENGTH_SLOTS 16
#define LZ_OFFSET_SLOTS 64
#define LZ_OFFSET_CLASSES 2 /* length 3, and longer */
#define LZ_NEAR_SLOTS 14    /* below: every bit of the offset is modelled */
#define LZ_ALIGN_BITS 4     /* above: these low bits are */
#define LZ_PAGE_BITS 8      /* the dictionary in at most this many bits of pages */
#define LZ_PAST_SLOT 63     /* a place in the dictionary instead of an offset */
#define LZ_ORDER_BITS 14    /* slots of an order of literals */
#define LZ_FLAG_BITS 14
#define LZ_NONE 256         /* no byte foreseen */
#define LZ_FLAG_WEIGHT 13000
#define LZ_LITERAL_WEIGHT 8000

typedef struct {
    int16_t state[4096], byte[1 << LZ_FLAG_BITS], run[1 << LZ_FLAG_BITS];
    int16_t weight[16][4];
} lz_flag_model;

typedef struct {
    lz_symbol low[2];                            /* after a literal, after a copy: short ones, or LZ_LONG */
    lz_symbol slot;                              /* of long ones */
    lz_counter extra[LZ_LENGTH_SLOTS][8];
} lz_length_model;

typedef struct {
    lz_symbol group;                             /* slot / 4 */
    lz_counter rest[LZ_OFFSET_SLOTS / 4][4];     /* slot % 4 */
} lz_offset_model;

typedef struct {
    lz_cells order1[256][17];                    /* by the byte before; 0: high half, 1 + high: low half */
    lz_cells order2[1 << LZ_ORDER_BITS];
    lz_cells order3[1 << LZ_ORDER_BITS];
    lz_cells foreseen[3][LZ_NONE + 1][17];       /* by candidate 0, candidate 1, repeat offset */
    int16_t weight[16][2][8];
} lz_mixed_model;

typedef struct {
    lz_cells order1[256][17];
    lz_cells order2[1 << LZ_ORDER_BITS];
    lz_cells foreseen[LZ_NONE + 1][17];          /* by candidate 0 */
    uint16_t weight[16][2][2];
} lz_quick_model;

typedef struct {
    lz_bucket table[1 << LZ_BUCKET_BITS];
    lz_mixed_model mixed;                        /* literals: one of the two is in use */
    lz_quick_model quick;
    lz_flag_model match, repeat, named, older;
    lz_counter which[2][LZ_HISTORIES];           /* not the second offset; not the third */
    lz_length_model length[LZ_LENGTH_KINDS];
    lz_offset_model offset[LZ_OFFSET_CLASSES];
    lz_counter near[LZ_NEAR_SLOTS][32];
    lz_symbol align;
    lz_symbol page[17];                          /* 0: high half; 1 + high: low half */
} lz_model;

/* How literals are coded. */
enum { LZ_PLAIN, LZ_MIXED, LZ_QUICK };

typedef struct {
    uint32_t history;            /* kinds of the last three tokens, two bits each */
    uint32_t run;                /* literals since the last copy, at most 7 */
    uint32_t last;               /* log2 of the last copy's length, modulo 8 */
    uint32_t recent[LZ_RECENT];  /* offsets, newest first */
} lz_context;

/* How a block is coded. */
typedef struct {
    int literals;                  /* LZ_PLAIN: eight even bits; LZ_MIXED; LZ_QUICK: blended */
    int vector;                    /* AVX2 may be used: the same bytes, sooner */
    uint32_t past;                 /* bytes before the block */
    unsigned page_bits, line_bits; /* a place in the past = page, then line */
    const lz_curves *curves;
    const lz_set_bits *bits;
} lz_shape;

typedef struct {
    unsigned kind, index;        /* index: of a recent offset or a candidate */
    uint32_t length;             /* 1 for a literal */
    uint32_t value;              /* an offset, or the literal's byte */
} lz_token;

static const lz_token lz_literal_token = { LZ_LITERAL, 0, 1, 0 };

static inline void lz_shape_past(lz_shape *shape, uint32_t past)
{
    unsigned bits = past > 1 ? uc_log2(past - 1) + 1 : 0;
    shape->past = past;
    shape->page_bits = bits < LZ_PAGE_BITS ? bits : LZ_PAGE_BITS;
    shape->line_bits = bits - shape->page_bits;
}

static inline void lz_weights_reset(int16_t *weights, size_t count, int16_t value)
{
    while (count-- > 0) {
        *weights++ = value;
    }
}

static inline void lz_model_reset(lz_model *m)
{
    int k;
    memset(m, 0, sizeof *m);
    lz_weights_reset(&m->mixed.weight[0][0][0], sizeof m->mixed.weight / 2, LZ_LITERAL_WEIGHT);
    lz_weights_reset(&m->match.weight[0][0], sizeof m->match.weight / 2, LZ_FLAG_WEIGHT);
    lz_weights_reset(&m->repeat.weight[0][0], sizeof m->repeat.weight / 2, LZ_FLAG_WEIGHT);
    lz_weights_reset(&m->named.weight[0][0], sizeof m->named.weight / 2, LZ_FLAG_WEIGHT);
    lz_weights_reset(&m->older.weight[0][0], sizeof m->older.weight / 2, LZ_FLAG_WEIGHT);
    lz_cumulative_reset(m->quick.order1, sizeof m->quick.order1);
    lz_cumulative_reset(m->quick.order2, sizeof m->quick.order2);
    lz_cumulative_reset(m->quick.foreseen, sizeof m->quick.foreseen);
    lz_weights_reset((int16_t *)m->quick.weight, sizeof m->quick.weight / 2, 65535 / LZ_BLENDED);
    lz_counters_reset(m->which, sizeof m->which);
    for (k = 0; k < LZ_LENGTH_KINDS; k++) {
        lz_cumulative_reset(m->length[k].low, sizeof m->length[k].low);
        lz_cumulative_reset(&m->length[k].slot, sizeof m->length[k].slot);
        lz_counters_reset(m->length[k].extra, sizeof m->length[k].extra);
    }
    for (k = 0; k < LZ_OFFSET_CLASSES; k++) {
        lz_cumulative_reset(&m->offset[k].group, sizeof(lz_symbol));
        lz_counters_reset(m->offset[k].rest, sizeof m->offset[k].rest);
    }
    lz_counters_reset(m->near, sizeof m->near);
    lz_cumulative_reset(&m->align, sizeof m->align);
    lz_cumulative_reset(m->page, sizeof m->page);
}

/* Of a kind of literals, what its model knows. */
static inline void lz_literals_copy(lz_model *to, const lz_model *from, int literals)
{
    if (literals == LZ_MIXED) {
        memcpy(&to->mixed, &from->mixed, sizeof to->mixed);
    } else if (literals == LZ_QUICK) {
        memcpy(&to->quick, &from->quick, sizeof to->quick);
    }
}

/* Everything but literals. */
static inline void lz_copies_copy(lz_model *to, const lz_model *from)
{
    memcpy(to->table, from->table, sizeof to->table);
    memcpy(&to->match, &from->match, sizeof *to - offsetof(lz_model, match));
}

static inline void lz_context_reset(lz_context *c)
{
    uint32_t k;
    c->history = c->run = c->last = 0;
    for (k = 0; k < LZ_RECENT; k++) {
        c->recent[k] = k + 1;
    }
}

/* Brings an offset to the front: where it stands already, or in place of the oldest. */
static UC_INLINE void lz_context_use(lz_context *c, uint32_t offset)
{
    unsigned k = 0;
    while (k < LZ_RECENT - 1 && c->recent[k] != offset) {
        k++;
    }
    for (; k > 0; k--) {
        c->recent[k] = c->recent[k - 1];
    }
    c->recent[0] = offset;
}

static UC_INLINE void lz_context_after(lz_context *c, const lz_token *t)
{
    c->history = (c->history << 2 | t->kind) & (LZ_HISTORIES - 1);
    if (t->kind == LZ_LITERAL) {
        c->run += c->run < 7;
    } else {
        c->run = 0;
        c->last = uc_log2(t->length) & 7;
        lz_context_use(c, t->value);
    }
}

/* Slots: two an octave. Of lengths from 16 on; of offsets, each below 4 its own. */
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
    unsigned e = uc_log2(v);
    return 2 * e - 8 + (v >> (e - 1) & 1);
}

/* After candidate k; `deep`: of the candidates share the deeper context. */
static UC_INLINE unsigned lz_named_length(uint32_t k, uint32_t deep)
{
    return k ? LZ_OF_OTHER : deep ? LZ_OF_DEEP : LZ_OF_FIRST;
}

static UC_INLINE uint32_t lz_offset_class(uint32_t length)
{
    return length > 3;
}

#endif
