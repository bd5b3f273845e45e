/* Who owns which memory: each object is one allocation, cut up by one function that also counts.
 *
 *   mix_primed   [ fixed | pad dictionary | counts of pairs | model ]     shared, read only
 *   mix_coder    [ pad dictionary block | undo | model ]                  one for each thread
 */
#ifndef UC_MIX_SETUP_H
#define UC_MIX_SETUP_H

#include "cutter.h"
#include "mix_match.h"

#define MIX_LIMIT (8u << 20)
#define MIX_DICTIONARY_LIMIT (2u << 20)

typedef struct {
    int level, vector;
    uint32_t size;
    mix_fixed *fixed;
    uint8_t *past;
    uint32_t *pairs;
    mix_model model;
} mix_primed;

typedef struct {
    const mix_primed *primed;
    uint32_t max_block;
    uint8_t *window; /* pad and dictionary are a copy, the block comes behind them */
    mix_model model;
} mix_coder;

static inline void mix_model_cut(mix_model *model, uc_cutter *cutter, const mix_shape *shape)
{
    size_t size = mix_model_layout(model, NULL, shape);
    mix_model_layout(model, (uint8_t *)uc_cut(cutter, size), shape);
}

static inline size_t mix_primed_layout(mix_primed *primed, uint8_t *base, int level, uint32_t size)
{
    const mix_shape *shape = mix_shape_of(level);
    uc_cutter cutter = { base, 0 };
    primed->level = level;
    primed->size = size;
    primed->fixed = (mix_fixed *)uc_cut(&cutter, sizeof(mix_fixed));
    primed->past = (uint8_t *)uc_cut(&cutter, MIX_PAD + (size_t)size);
    primed->pairs = (uint32_t *)uc_cut(&cutter, sizeof(uint32_t) * 257 * 256);
    primed->model.undo.units = NULL;
    primed->model.undo.noting = 0;
    mix_model_cut(&primed->model, &cutter, shape);
    return cutter.used;
}

static inline size_t mix_coder_layout(mix_coder *coder, uint8_t *base, int level, uint32_t past,
                                      uint32_t max_block)
{
    const mix_shape *shape = mix_shape_of(level);
    uc_cutter cutter = { base, 0 };
    coder->max_block = max_block;
    coder->window = (uint8_t *)uc_cut(&cutter, MIX_PAD + (size_t)past + max_block);
    coder->model.undo.units = (uint32_t *)uc_cut(&cutter, sizeof(uint32_t) * MIX_UNDO_ROOM);
    mix_model_cut(&coder->model, &cutter, shape);
    return cutter.used;
}

#endif
