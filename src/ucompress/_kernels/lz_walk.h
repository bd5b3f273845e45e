/* The grammar of a token, walked by learner, encoder and decoder alike.
 *
 *   match?   0 -> literal          two nibbles, or eight even bits
 *            1 -> candidate 0?     1 -> length
 *                 repeat?          1 -> length at the last offset
 *                 candidate 1?     1 -> length         and so on, one after the other
 *                 older?           1 -> which of three recent offsets, length
 *                                  0 -> length, offset
 *
 * Without candidates the repeat comes first.
 */
#ifndef UC_LZ_WALK_H
#define UC_LZ_WALK_H

#include "lz_scene.h"

static UC_INLINE uint32_t lz_code_length(const int mode, uc_coding *rc, lz_model *model, unsigned kind,
                                         uint32_t length)
{
    lz_length_model *m = &model->length[kind];
    uint32_t v = mode == UC_GET ? 0 : length - lz_least_length[kind];
    uint32_t slot = lz_code_tree(mode, rc, m->slot, 5, lz_length_slot(v));
    if (slot < 16) {
        v = slot;
    } else {
        unsigned bits = (slot - 8) / 2 - 1;
        uint32_t top = (2 | (slot & 1)) << 3 | lz_code_tree(mode, rc, m->extra[slot], 3, v >> (bits - 3) & 7);
        v = top << (bits - 3) | (bits > 3 ? lz_code_direct(mode, rc, bits - 3, v) : 0);
    }
    return v + lz_least_length[kind];
}

/* A place in the past, as its distance: 0 or less, wrapped, for a place behind the past's end. */
static UC_INLINE uint32_t lz_code_place(const int mode, uc_coding *rc, lz_model *m, const lz_shape *shape,
                                        uint32_t position, uint32_t offset)
{
    uint32_t place = position - offset;
    uint32_t page = lz_code_tree(mode, rc, m->page, shape->page_bits, place >> shape->line_bits);
    uint32_t line = shape->line_bits ? lz_code_direct(mode, rc, shape->line_bits, place) : 0;
    return position - (page << shape->line_bits | line);
}

/* Any 32 bits may come out of a damaged payload: the caller bounds them. */
static UC_INLINE uint32_t lz_code_offset(const int mode, uc_coding *rc, lz_model *m, const lz_shape *shape,
                                         uint32_t position, uint32_t length, uint32_t offset)
{
    uint32_t v = offset - 1, slot = offset > position - shape->past ? LZ_PAST_SLOT : lz_offset_slot(v), low;
    unsigned bits;
    slot = lz_code_tree(mode, rc, m->slot[lz_offset_class(length)], 6, slot);
    if (slot < 4) {
        return slot + 1;
    }
    if (slot == LZ_PAST_SLOT) {
        return lz_code_place(mode, rc, m, shape, position, offset);
    }
    bits = slot / 2 - 1;
    if (slot < LZ_NEAR_SLOTS) {
        low = lz_code_reverse(mode, rc, m->near[slot], bits, v);
    } else {
        if (bits > 20 + LZ_ALIGN_BITS) {
            return 0; /* farther than any offset */
        }
        low = lz_code_direct(mode, rc, bits - LZ_ALIGN_BITS, v >> LZ_ALIGN_BITS) << LZ_ALIGN_BITS;
        low |= lz_code_reverse(mode, rc, m->align, LZ_ALIGN_BITS, v);
    }
    return ((2 | (slot & 1)) << bits | low) + 1;
}

static UC_INLINE unsigned lz_named_length(const lz_view *v, uint32_t k)
{
    return k ? LZ_OF_OTHER : v->deep ? LZ_OF_DEEP : LZ_OF_FIRST;
}

#endif
