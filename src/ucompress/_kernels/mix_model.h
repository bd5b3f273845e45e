/* What a block changes, and what it only reads.
 *
 *   mix_shape    a level: contexts, lines, when matches are bypassed
 *   mix_fixed    curves, histories, trees: made once for each dictionary, shared
 *   mix_model    one span of memory, in units of 64 bytes: what learning changes
 *                [ mix_core | places | refinement (level 9) | lines of slots ]
 *   mix_undo     which units behind the core were written, while a block is small: it is undone by them
 */
#ifndef UC_MIX_MODEL_H
#define UC_MIX_MODEL_H

#include "cutter.h"
#include "mix_curves.h"
#include "mix_states.h"
#include "mix_trees.h"

#define MIX_CONTEXTS 12
#define MIX_LANES 32
#define MIX_PAIR_LIMIT 1023
#define MIX_FLAG_INPUTS 6
#define MIX_FLAG_BITS 16
#define MIX_PLACE_BITS 19
#define MIX_FINE 33
#define MIX_DIRECT_BITS 13
#define MIX_NOTHING_EXPECTED 55 /* of `expected`: above all lengths, below what is missed */
#define MIX_UNDO_ROOM (1u << 18)
#define MIX_NOTES_A_BYTE 128
#define MIX_NOTED_MOST (128u << 10) /* larger blocks touch more than there is room to note */
#define MIX_FROZEN_FROM 65536 /* from dictionaries of this size on, priming settles the maps */

/* What a context is made of; `mix_context.h` says how. */
enum {
    MIX_ORDER_1, MIX_ORDER_2, MIX_ORDER_3, MIX_ORDER_4, MIX_ORDER_5, MIX_ORDER_6,
    MIX_WORD, MIX_WORDS, MIX_WORD_ABOVE, MIX_LINE_START, MIX_LINE, MIX_INDENT
};

typedef struct {
    int contexts;
    int line_bits;   /* each context has 2^line_bits lines of 64 bytes */
    uint32_t bypass; /* bytes a match must have agreed for, to be bypassed */
    int direct;      /* whether order 3 is probabilities of its own, instead of slots */
    int fine;        /* whether the last probability is refined */
    uint8_t kinds[MIX_CONTEXTS];
} mix_shape;

static inline const mix_shape *mix_shape_of(int level)
{
    static const mix_shape shapes[3] = {
        { 4, 16, 12, 1, 0, { MIX_ORDER_2, MIX_ORDER_4, MIX_WORD, MIX_LINE_START } },
        { 5, 16, 12, 1, 0, { MIX_ORDER_2, MIX_ORDER_4, MIX_ORDER_6, MIX_WORD, MIX_LINE_START } },
        { 12, 17, 32, 0, 1,
          { MIX_ORDER_1, MIX_ORDER_2, MIX_ORDER_3, MIX_ORDER_4, MIX_ORDER_5, MIX_ORDER_6, MIX_WORD,
            MIX_LINE_START, MIX_INDENT, MIX_LINE, MIX_WORDS, MIX_WORD_ABOVE } },
    };
    return &shapes[level - 7];
}

typedef struct {
    mix_curves curves;
    mix_states states;
    mix_tree trees[MIX_TREES];
    uint32_t share[MIX_PAIR_LIMIT + 1]; /* 65536 / (count + 2) */
} mix_fixed;

typedef struct {
    uint16_t direct[1 << MIX_DIRECT_BITS][32]; /* by order 3: each a line of the cache */
    int16_t by_match[2 * 32 * MIX_LANES];
    int16_t by_slots[2 * (MIX_CONTEXTS + 1) * 8 * MIX_LANES];
    int16_t by_byte[256 * MIX_LANES];
    int16_t inputs[MIX_CONTEXTS][256][2]; /* of a history: stretched, and how sure it is */
    uint32_t map[MIX_CONTEXTS][256];      /* of a history: P in 2^-22 << 10, + times seen */
    uint16_t order_1[MIX_TREES][256];
    uint16_t expected[64];
    uint16_t flag_length[4][32];
    uint16_t flag_length_byte[64][256];
    uint16_t flag_pair[65536];
    uint16_t flag_hash[3][1 << MIX_FLAG_BITS];
    int32_t flag_weight[64][MIX_FLAG_INPUTS];
    uint32_t modelled; /* bytes that went through the mixer */
    uint32_t frozen;
} mix_core;

typedef struct {
    uint32_t *units;
    uint32_t count;
    int noting; /* 0: what was written is not known, copy everything */
} mix_undo;

typedef struct {
    uint8_t *base;
    size_t size;
    mix_core *core;
    uint32_t *places;     /* [2][1 << MIX_PLACE_BITS] */
    uint16_t *fine;       /* [65536][MIX_FINE] */
    uint8_t *lines;       /* [contexts][1 << line_bits][64] */
    mix_undo undo;
} mix_model;


static inline size_t mix_model_layout(mix_model *m, uint8_t *base, const mix_shape *shape)
{
    size_t at = UC_LINES(sizeof(mix_core));
    m->base = base;
    m->core = (mix_core *)base;
    m->places = base ? (uint32_t *)(base + at) : NULL;
    at += UC_LINES(sizeof(uint32_t) * 2 << MIX_PLACE_BITS);
    m->fine = base ? (uint16_t *)(base + at) : NULL;
    at += shape->fine ? UC_LINES(sizeof(uint16_t) * 65536 * MIX_FINE) : 0;
    m->lines = base ? base + at : NULL;
    at += (size_t)shape->contexts << (shape->line_bits + 6);
    m->size = at;
    return at;
}

/* Only while `noting`; there is room, see `mix_note_byte`. */
static UC_INLINE void mix_note(mix_model *m, const void *written)
{
    m->undo.units[m->undo.count++] = (uint32_t)((size_t)((const uint8_t *)written - m->base) >> 6);
}

/* Before each byte: gives up where copying everything takes less. */
static UC_INLINE void mix_note_byte(mix_model *m)
{
    m->undo.noting &= m->undo.count <= MIX_UNDO_ROOM - MIX_NOTES_A_BYTE;
}

/* Back to what `primed` is, for a block of `size` bytes. */
static inline void mix_model_restore(mix_model *m, const mix_model *primed, uint32_t size)
{
    uint32_t k;
    if (!m->undo.noting) {
        memcpy(m->base, primed->base, m->size);
    } else {
        memcpy(m->base, primed->base, sizeof(mix_core));
        for (k = 0; k < m->undo.count; k++) {
            size_t at = (size_t)m->undo.units[k] << 6;
            memcpy(m->base + at, primed->base + at, 64);
        }
    }
    m->undo.count = 0;
    m->undo.noting = size <= MIX_NOTED_MOST;
}

static inline void mix_map_set(const mix_curves *curves, mix_core *core, int context, int history,
                               uint32_t p22, uint32_t times)
{
    int32_t p12 = (int32_t)(p22 >> 10);
    core->map[context][history] = p22 << 10 | times;
    core->inputs[context][history][0] = curves->stretch[p12];
    core->inputs[context][history][1] = (int16_t)((p12 - 2048) >> 1);
}

/* Two inputs as they lie in memory. */
static UC_INLINE uint32_t mix_pair(int32_t first, int32_t second)
{
    int16_t both[2];
    uint32_t pair;
    both[0] = (int16_t)first;
    both[1] = (int16_t)second;
    memcpy(&pair, both, 4);
    return pair;
}

static inline void mix_fill16(uint16_t *p, size_t count, uint16_t value)
{
    while (count-- > 0) {
        *p++ = value;
    }
}

static inline void mix_fixed_init(mix_fixed *f)
{
    uint32_t k;
    mix_curves_init(&f->curves);
    mix_states_init(&f->states);
    for (k = 0; k <= MIX_PAIR_LIMIT; k++) {
        f->share[k] = 65536 / (k + 2);
    }
}

/* Nothing learned yet. */
static inline void mix_model_reset(mix_model *m, const mix_fixed *f, const mix_shape *shape)
{
    mix_core *core = m->core;
    int n = shape->contexts, lanes = n > 6 ? 32 : 16, k, j;
    memset(m->base, 0, m->size);
    for (k = 0; k < n; k++) {
        for (j = 0; j < f->states.count; j++) {
            uint32_t zeros = f->states.seen[j][0], ones = f->states.seen[j][1];
            mix_map_set(&f->curves, core, k, j, (5 * ones + 2) * 4194303u / (5 * (zeros + ones) + 4), 0);
        }
    }
    for (k = 0; k < 2 * 32; k++) {
        int16_t *w = core->by_match + k * lanes;
        for (j = 0; j < 2 * n; j++) {
            w[j] = (int16_t)(12288 / n + 500);
        }
        w[2 * n] = w[2 * n + 1] = 3000;
        w[2 * n + 2] = 1000;
    }
    mix_fill16(core->order_1[0], sizeof core->order_1 / 2, 32768);
    mix_fill16(core->direct[0], sizeof core->direct / 2, 32768);
    mix_fill16(core->expected, 64, 40000);
    mix_fill16(core->flag_length[0], sizeof core->flag_length / 2, 60000);
    mix_fill16(core->flag_length_byte[0], sizeof core->flag_length_byte / 2, 60000);
    mix_fill16(core->flag_pair, sizeof core->flag_pair / 2, 60000);
    mix_fill16(core->flag_hash[0], sizeof core->flag_hash / 2, 60000);
    for (k = 0; k < 64; k++) {
        for (j = 0; j < MIX_FLAG_INPUTS; j++) {
            core->flag_weight[k][j] = 16384;
        }
    }
    if (shape->fine) {
        for (j = 0; j < MIX_FINE; j++) {
            m->fine[j] = f->curves.squash[j < 32 ? 128 * j : 4095];
        }
        for (k = 1; k < 65536; k++) {
            memcpy(m->fine + k * MIX_FINE, m->fine, 2 * MIX_FINE);
        }
    }
}

#endif
