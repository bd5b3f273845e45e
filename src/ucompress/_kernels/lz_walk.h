/* The grammar of a token, walked by learner, encoder and decoder alike.
 *
 *   match?   0 -> literal          two nibbles, mixed or blended, or eight even bits
 *            1 -> candidate 0?     1 -> length
 *                 repeat?          1 -> length at the last offset
 *                 candidate 1?     1 -> length         and so on, one after the other
 *                 older?           1 -> which of three recent offsets, length
 *                                  0 -> length, offset
 *
 * Without candidates the repeat comes first. Read once for each path; see lz_paths.h.
 */

/* `after`: a copy stands before. */
static UC_INLINE uint32_t LZ_PATH(code_length)(const int mode, uc_coding *rc, lz_model *model, unsigned kind,
                                               unsigned after, uint32_t length)
{
    lz_length_model *m = &model->length[kind];
    uint32_t v = mode == UC_GET ? 0 : length - lz_least_length[kind];
    uint32_t low = LZ_PATH(code_symbol)(mode, rc, &m->low[after], v < LZ_LONG ? v : LZ_LONG), slot, top;
    unsigned bits;
    if (low < LZ_LONG) {
        return low + lz_least_length[kind];
    }
    v += 16 - LZ_LONG;
    slot = LZ_PATH(code_symbol)(mode, rc, &m->slot, mode == UC_GET ? 0 : lz_length_slot(v));
    bits = slot / 2 + 3;
    top = (2 | (slot & 1)) << 3 | lz_code_tree(mode, rc, m->extra[slot], 3, v >> (bits - 3) & 7);
    v = top << (bits - 3) | (bits > 3 ? lz_code_direct(mode, rc, bits - 3, v) : 0);
    return v - (16 - LZ_LONG) + lz_least_length[kind];
}

/* A place in the past, as its distance: 0 or less, wrapped, for a place behind the past's end. */
static UC_INLINE uint32_t LZ_PATH(code_place)(const int mode, uc_coding *rc, lz_model *m,
                                              const lz_shape *shape, uint32_t position, uint32_t offset)
{
    uint32_t place = position - offset, page = place >> shape->line_bits;
    uint32_t high = LZ_PATH(code_symbol)(mode, rc, &m->page[0], page >> 4);
    uint32_t low = LZ_PATH(code_symbol)(mode, rc, &m->page[1 + high], page & 15);
    uint32_t line = shape->line_bits ? lz_code_direct(mode, rc, shape->line_bits, place) : 0;
    return position - ((high << 4 | low) << shape->line_bits | line);
}

/* Any 32 bits may come out of a damaged payload: the caller bounds them. */
static UC_INLINE uint32_t LZ_PATH(code_offset)(const int mode, uc_coding *rc, lz_model *m,
                                               const lz_shape *shape, uint32_t position, uint32_t length,
                                               uint32_t offset)
{
    lz_offset_model *model = &m->offset[lz_offset_class(length)];
    uint32_t v = offset - 1, slot = offset > position - shape->past ? LZ_PAST_SLOT : lz_offset_slot(v), low;
    unsigned bits, group = LZ_PATH(code_symbol)(mode, rc, &model->group, mode == UC_GET ? 0 : slot >> 2);
    slot = group << 2 | lz_code_tree(mode, rc, model->rest[group], 2, slot & 3);
    if (slot < 4) {
        return slot + 1;
    }
    if (slot == LZ_PAST_SLOT) {
        return LZ_PATH(code_place)(mode, rc, m, shape, position, offset);
    }
    bits = slot / 2 - 1;
    if (slot < LZ_NEAR_SLOTS) {
        low = lz_code_reverse(mode, rc, m->near[slot], bits, v);
    } else {
        if (bits > 20 + LZ_ALIGN_BITS) {
            return 0; /* farther than any offset */
        }
        low = lz_code_direct(mode, rc, bits - LZ_ALIGN_BITS, v >> LZ_ALIGN_BITS) << LZ_ALIGN_BITS;
        low |= LZ_PATH(code_symbol)(mode, rc, &m->align, v & 15);
    }
    return ((2 | (slot & 1)) << bits | low) + 1;
}

/* The last offset or a candidate; 0: neither. */
static UC_INLINE int LZ_PATH(code_source)(const int mode, uc_coding *rc, lz_model *m, const lz_shape *shape,
                                          const lz_context *c, const lz_scene *s, lz_token *t)
{
    const lz_view *v = s->view;
    const unsigned after = c->run == 0;
    lz_flag f;
    uint32_t k;
    for (k = 0;; k++) {
        if (k == (v->count > 0)) {
            lz_flag_repeat(&f, m, s, c);
            if (LZ_PATH(code_flag)(mode, rc, shape->curves, &f, t->kind == LZ_REPEAT && t->index == 0)) {
                t->kind = LZ_REPEAT;
                t->index = 0;
                t->value = c->recent[0];
                t->length = LZ_PATH(code_length)(mode, rc, m, LZ_OF_REPEAT, after, t->length);
                return 1;
            }
        }
        if (k == v->count) {
            return 0;
        }
        lz_flag_named(&f, m, s, c, k);
        if (LZ_PATH(code_flag)(mode, rc, shape->curves, &f, t->kind == LZ_NAMED && t->index == k)) {
            t->kind = LZ_NAMED;
            t->index = k;
            t->value = s->position - v->place[k];
            t->length = LZ_PATH(code_length)(mode, rc, m, lz_named_length(k, v->deep), after, t->length);
            return 1;
        }
    }
}
