/* Who owns which memory. Each object is one allocation, cut up by one function that also counts.
 *
 *   lz_primed    [ primed model | curves, set bits | priming table | pad dictionary | heads links ]
 *                shared, read only
 *   lz_coder     [ model | pad dictionary reference block slack | encoder parts ]  one for each thread
 *                [ kept ]                            only where blocks have a reference
 */
#ifndef UC_LZ_SETUP_H
#define UC_LZ_SETUP_H

#include "cutter.h"
#include "lz_paths.h"

typedef struct {
    int level;
    uint32_t size;
    lz_model *model;
    lz_curves *curves;
    lz_set_bits *bits;
    lz_prime_table *table;
    uint8_t *past;
    lz_index index;
    lz_shape shape;      /* of every block, but for the way it is coded */
    lz_priming priming;
    uint32_t known;      /* bytes of the dictionary that are there */
    int taught[3];       /* kinds of literals */
} lz_primed;

typedef struct {
    const lz_primed *primed;
    uint32_t max_block;
    lz_model *model, *kept; /* kept: as the reference left it */
    int literals, kept_literals; /* the kind that the model has */
    uint32_t inserted, kept_inserted;
    uint8_t *window;     /* the dictionary's copy, the reference if there is one, the block */
    lz_encoder encoder;
} lz_coder;

static inline lz_effort lz_effort_of(int level)
{
    static const lz_effort efforts[3] = {
        { 12, 6, 128, 40, 72, 128, LZ_QUICK },
        { 16, 8, 256, 40, 40, 16, LZ_MIXED },
        { 32, 24, 512, 40, 40, 0, LZ_MIXED },
    };
    return efforts[level - 4];
}

/* Without `encode` there is no index: a reader needs the models and the bytes. */
static inline size_t lz_primed_layout(lz_primed *primed, uint8_t *base, int level, uint32_t size, int encode)
{
    uc_cutter cutter = { base, 0 };
    primed->level = level;
    primed->size = size;
    primed->model = (lz_model *)uc_cut(&cutter, sizeof(lz_model));
    primed->curves = (lz_curves *)uc_cut(&cutter, sizeof(lz_curves));
    primed->bits = (lz_set_bits *)uc_cut(&cutter, sizeof(lz_set_bits));
    primed->table = (lz_prime_table *)uc_cut(&cutter, sizeof(lz_prime_table));
    primed->past = (uint8_t *)uc_cut(&cutter, LZ_PAD + (size_t)size);
    primed->index.base = 0;
    primed->index.bits = lz_index_bits(size);
    primed->index.heads = primed->index.links = NULL;
    if (encode && size >= 4) {
        primed->index.heads = (uint32_t *)uc_cut(&cutter, sizeof(uint32_t) << primed->index.bits);
        primed->index.links = (uint32_t *)uc_cut(&cutter, 2 * sizeof(uint32_t) * size);
    }
    return cutter.used;
}

/* Nothing is known yet. `vector`: AVX2 may be used. */
static inline void lz_primed_begin(lz_primed *primed, int vector)
{
    lz_curves_init(primed->curves);
    lz_set_bits_init(primed->bits);
    primed->shape.curves = primed->curves;
    primed->shape.bits = primed->bits;
    primed->shape.vector = vector;
    memset(primed->past, 0, LZ_PAD);
    primed->past += LZ_PAD;
    primed->known = 0;
    primed->shape.literals = lz_effort_of(primed->level).literals;
    memset(primed->taught, 0, sizeof primed->taught);
    primed->taught[LZ_PLAIN] = primed->taught[primed->shape.literals] = 1;
    lz_prime_begin(&primed->priming, primed->model, primed->table, &primed->shape, primed->size);
}

/* The dictionary's next bytes, at most as many as are missing. With the last of them it is primed. */
static inline void lz_primed_append(lz_primed *primed, const uint8_t *bytes, uint32_t count)
{
    if (count) {
        memcpy(primed->past + primed->known, bytes, count);
    }
    primed->known += count;
    lz_prime(&primed->priming, primed->model, primed->table, &primed->shape, primed->past, primed->known,
             primed->size);
    if (primed->known == primed->size && primed->index.heads) {
        lz_effort effort = lz_effort_of(primed->level);
        lz_index_build(&primed->index, primed->past, primed->size, &effort);
    }
}

/* Teaches a kind of literals that the level does not have, with a model's memory to work in. */
static inline void lz_primed_teach(lz_primed *primed, int literals, lz_model *spare)
{
    lz_shape shape = primed->shape;
    lz_priming at;
    shape.literals = literals;
    lz_prime_begin(&at, spare, primed->table, &shape, primed->size);
    lz_prime(&at, spare, primed->table, &shape, primed->past, primed->size, primed->size);
    lz_literals_copy(primed->model, spare, literals);
    primed->taught[literals] = 1;
}

/* Decoder and encoder: the encoder's parts come last. */
static inline size_t lz_coder_layout(lz_coder *coder, uint8_t *base, uint32_t past, uint32_t max_block,
                                     uint32_t max_reference, int encode)
{
    uc_cutter cutter = { base, 0 };
    lz_encoder *e = &coder->encoder;
    coder->max_block = max_block;
    coder->model = (lz_model *)uc_cut(&cutter, sizeof(lz_model));
    coder->window = (uint8_t *)uc_cut(&cutter, LZ_PAD + (size_t)past + max_reference + max_block + LZ_SLACK);
    if (encode) {
        e->finder.triples = (uint32_t *)uc_cut(&cutter, sizeof(uint32_t) << LZ_SHORT_BITS);
        e->finder.own.heads = (uint32_t *)uc_cut(&cutter, sizeof(uint32_t) << lz_index_bits(max_block));
        e->finder.own.links = (uint32_t *)uc_cut(&cutter, 2 * sizeof(uint32_t) * max_block);
        e->prices = (lz_prices *)uc_cut(&cutter, sizeof(lz_prices));
        e->nodes = (lz_nodes *)uc_cut(&cutter, sizeof(lz_nodes));
    }
    return cutter.used;
}

static inline void lz_coder_fill(lz_coder *coder, const lz_primed *primed, int encode)
{
    lz_encoder *e = &coder->encoder;
    coder->primed = primed;
    coder->kept = NULL;
    memset(coder->window, 0, LZ_PAD);
    coder->window += LZ_PAD;
    if (primed->size) {
        memcpy(coder->window, primed->past, primed->size);
    }
    if (encode) {
        e->window = e->finder.window = coder->window;
        e->finder.effort = lz_effort_of(primed->level);
        e->finder.shared = primed->index.heads ? &primed->index : NULL;
        lz_prices_init(e->prices);
    }
}

#endif
