/* Whole tokens, and the two loops that read them: priming and decoding.
 *
 * Read once for each path; see lz_paths.h.
 */

static UC_INLINE unsigned LZ_PATH(code_literal)(const int mode, uc_coding *rc, lz_model *m,
                                                const lz_shape *shape, const lz_context *c,
                                                const lz_scene *s, unsigned byte)
{
    lz_nibble n;
    unsigned high;
    if (shape->literals == LZ_PLAIN) {
        return lz_code_direct(mode, rc, 8, byte);
    }
    if (shape->literals == LZ_QUICK) {
        lz_blend b;
        lz_literal_blend(&b, m, s, c, 0);
        high = LZ_PATH(code_blend)(mode, rc, &b, byte >> 4);
        lz_literal_blend(&b, m, s, c, 1 + high);
        return high << 4 | LZ_PATH(code_blend)(mode, rc, &b, byte & 15);
    }
    lz_literal_slots(&n, m, s, c, 0);
    high = LZ_PATH(code_nibble)(mode, rc, &n, byte >> 4);
    lz_literal_slots(&n, m, s, c, 1 + high);
    return high << 4 | LZ_PATH(code_nibble)(mode, rc, &n, byte & 15);
}

/* One token: given (LEARN, PUT) or filled in (GET). */
static UC_INLINE void LZ_PATH(code_token)(const int mode, uc_coding *rc, lz_model *m, const lz_shape *shape,
                                          const lz_context *c, const lz_scene *s, lz_token *t)
{
    lz_flag f;
    lz_flag_match(&f, m, s, c);
    if (!LZ_PATH(code_flag)(mode, rc, shape->curves, &f, t->kind != LZ_LITERAL)) {
        t->value = LZ_PATH(code_literal)(mode, rc, m, shape, c, s, t->value);
        t->kind = LZ_LITERAL;
        t->length = 1;
        return;
    }
    if (LZ_PATH(code_source)(mode, rc, m, shape, c, s, t)) {
        return;
    }
    lz_flag_older(&f, m, s, c);
    if (LZ_PATH(code_flag)(mode, rc, shape->curves, &f, t->kind == LZ_REPEAT)) {
        unsigned index = 1 + lz_code_counter(mode, rc, &m->which[0][c->history], t->index > 1);
        if (index > 1) {
            index += lz_code_counter(mode, rc, &m->which[1][c->history], t->index > 2);
        }
        t->kind = LZ_REPEAT;
        t->index = index;
        t->value = c->recent[index];
        t->length = LZ_PATH(code_length)(mode, rc, m, LZ_OF_OLDER, c->run == 0, t->length);
        return;
    }
    t->kind = LZ_MATCH;
    t->length = LZ_PATH(code_length)(mode, rc, m, LZ_OF_MATCH, c->run == 0, t->length);
    t->value = LZ_PATH(code_offset)(mode, rc, m, shape, s->position, t->length, t->value);
}

/* Teaches what the first `known` bytes of the dictionary tell; `past` has LZ_PAD zeros before them. */
static void LZ_PATH(prime)(lz_priming *at, lz_model *m, lz_prime_table *table, const lz_shape *given,
                           const uint8_t *past, uint32_t known, uint32_t size)
{
    const uint32_t reach = lz_prime_reach(known, size);
    const lz_shape shape = *given;
    uc_coding none = { NULL, NULL };
    lz_context c = at->context;
    uint32_t p = at->position, inserted = at->inserted;
    if (reach < p) {
        inserted = LZ_PATH(insert_until)(m->table, past, inserted, reach, LZ_FETCH);
    }
    while (p < reach) {
        lz_view v;
        lz_scene s;
        lz_token t;
        uint32_t ahead = size - p > LZ_FETCH ? LZ_FETCH : LZ_GROUP;
        inserted = LZ_PATH(insert_until)(m->table, past, inserted, p, ahead);
        LZ_PATH(look)(&v, shape.bits, m->table, past + p);
        lz_scene_set(&s, &c, &v, past, p);
        t = lz_prime_choose(table, &c, &v, past, p, size);
        LZ_PATH(code_token)(UC_LEARN, &none, m, &shape, &c, &s, &t);
        lz_context_after(&c, &t);
        p += t.length;
    }
    at->context = c;
    at->position = p;
    at->inserted = inserted;
}

/* Decodes the next tokens of a span, as far as it is wanted. */
static int LZ_PATH(decode_tokens)(lz_span *span)
{
    lz_model *m = span->model;
    uint8_t *window = span->window;
    const lz_shape shape = span->shape;
    const uint32_t end = span->end, until = span->until;
    uint32_t position = span->position, inserted = span->inserted;
    rc_decoder decoder = span->coded;
    uc_coding rc = { NULL, &decoder };
    lz_context c = span->context;
    while (position < until) {
        lz_view v;
        lz_scene s;
        lz_token t = { 0, 0, 0, 0 };
        lz_literal_prefetch(m, &shape, window + position);
        inserted = LZ_PATH(insert_until)(m->table, window, inserted, position, LZ_GROUP);
        LZ_PATH(look)(&v, shape.bits, m->table, window + position);
        UC_PREFETCH(window + (v.count ? v.place[0] : 0));
        lz_scene_set(&s, &c, &v, window, position);
        LZ_PATH(code_token)(UC_GET, &rc, m, &shape, &c, &s, &t);
        if (t.kind == LZ_LITERAL) {
            window[position] = (uint8_t)t.value;
        } else {
            if (UC_UNLIKELY(t.value - 1 >= position || t.length > end - position)) {
                return LZ_DAMAGED;
            }
            lz_copy(window + position, t.value, t.length);
        }
        lz_context_after(&c, &t);
        position += t.length;
    }
    span->coded = decoder;
    span->context = c;
    span->position = position;
    span->inserted = inserted;
    return rc_decoder_sound(&decoder, until == end) ? LZ_DONE : LZ_DAMAGED;
}
