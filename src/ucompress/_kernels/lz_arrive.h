/* What a step of the parse costs, and the nodes that it is the cheapest way to.
 *
 *   literal    its two nibbles, from the live models
 *   copy       every length from one source at once, prices by length from a table
 *
 * Read once for each path; see lz_paths.h.
 */

/* A flag's two prices. */
static UC_INLINE void LZ_PATH(price_flag)(const lz_prices *t, const lz_shape *shape, const lz_flag *f,
                                          uint32_t prices[2])
{
    LZ_PATH(mixed) x = LZ_PATH(flag_guess)(shape->curves, f);
    uint32_t p0 = lz_p0_of(x.p1);
    prices[0] = lz_price_p0(t, p0, 0);
    prices[1] = lz_price_p0(t, p0, 1);
}

static UC_INLINE uint32_t LZ_PATH(price_nibble)(const lz_prices *t, lz_nibble *n, unsigned value)
{
    uint32_t price = 0, node;
    LZ_PATH(nibble_guess)(n);
    for (node = 16 | value; node > 1; node >>= 1) {
        price += lz_price_p0(t, LZ_PATH(nibble_p0)(n, node >> 1), node & 1);
    }
    return price;
}

static UC_INLINE uint32_t LZ_PATH(price_blend)(const lz_prices *t, const lz_blend *b, unsigned value)
{
    uint32_t weight[LZ_BLENDED];
    LZ_PATH(blend_weights)(b, weight);
    return t->bit[(LZ_PATH(blend_bound)(b, weight, value + 1) - LZ_PATH(blend_bound)(b, weight, value)) >> 4];
}

static UC_INLINE uint32_t LZ_PATH(price_literal)(const lz_prices *t, lz_model *m, const lz_shape *shape,
                                                 const lz_scene *s, const lz_context *c)
{
    lz_nibble n;
    unsigned byte = *s->here;
    uint32_t price;
    if (shape->literals == LZ_PLAIN) {
        return 8 * LZ_BIT_PRICE;
    }
    if (shape->literals == LZ_QUICK) {
        lz_blend b;
        lz_literal_blend(&b, m, s, c, 0);
        price = LZ_PATH(price_blend)(t, &b, byte >> 4);
        lz_literal_blend(&b, m, s, c, 1 + (byte >> 4));
        return price + LZ_PATH(price_blend)(t, &b, byte & 15);
    }
    lz_literal_slots(&n, m, s, c, 0);
    price = LZ_PATH(price_nibble)(t, &n, byte >> 4);
    lz_literal_slots(&n, m, s, c, 1 + (byte >> 4));
    return price + LZ_PATH(price_nibble)(t, &n, byte & 15);
}

#if LZ_VECTOR

/* Eight lengths at once: those from `least` to `most` that get cheaper by this step. */
static UC_INLINE void LZ_PATH(arrive_each)(lz_nodes *n, uint32_t i, int32_t price, const uint32_t *prices,
                                           uint32_t least, uint32_t most, uint32_t step, uint32_t value)
{
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    for (; least <= most; least += 8) {
        int32_t *there = n->price + i + least;
        __m256i held = _mm256_loadu_si256((const __m256i *)there);
        __m256i asked = _mm256_add_epi32(_mm256_loadu_si256((const __m256i *)(prices + least)),
                                         _mm256_set1_epi32(price));
        __m256i inside = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(most + 1 - least)), lanes);
        __m256i better = _mm256_and_si256(_mm256_cmpgt_epi32(held, asked), inside);
        if (!_mm256_testz_si256(better, better)) {
            __m256i length = _mm256_add_epi32(_mm256_set1_epi32((int)least), lanes);
            __m256i steps = _mm256_add_epi32(_mm256_slli_epi32(length, LZ_STEP_LENGTH),
                                             _mm256_set1_epi32((int)step));
            _mm256_maskstore_epi32(there, better, asked);
            _mm256_maskstore_epi32((int *)n->step + i + least, better, steps);
            _mm256_maskstore_epi32((int *)n->value + i + least, better, _mm256_set1_epi32((int)value));
        }
    }
}

#else

static UC_INLINE void LZ_PATH(arrive_each)(lz_nodes *n, uint32_t i, int32_t price, const uint32_t *prices,
                                           uint32_t least, uint32_t most, uint32_t step, uint32_t value)
{
    for (; least <= most; least++) {
        int32_t asked = price + (int32_t)prices[least];
        if (asked < n->price[i + least]) {
            n->price[i + least] = asked;
            n->step[i + least] = step + (least << LZ_STEP_LENGTH);
            n->value[i + least] = value;
        }
    }
}

#endif

/* Nodes up to `most` behind the visited one get their first arrival. */
static UC_INLINE void LZ_PATH(extend)(lz_path *path, int32_t price, const uint32_t *prices, uint32_t most)
{
    int32_t *there = path->e->nodes->price + path->i;
    uint32_t k = path->last - path->i + 1;
    for (; k <= most; k++) {
        int32_t asked = price + (int32_t)prices[k];
        there[k] = LZ_FAR;
        path->ceiling = asked > path->ceiling ? asked : path->ceiling;
    }
    path->last = path->i + most;
}

/* Lengths least .. t.length from one source; `prices` by length. A step that costs as much as any node
 * that there is can only win behind them all. */
static UC_INLINE void LZ_PATH(arrive)(lz_path *path, uint32_t price, const uint32_t *prices, uint32_t least,
                                      lz_token t)
{
    lz_encoder *e = path->e;
    uint32_t ahead = path->last - path->i;
    if ((int32_t)(price + e->prices->shortest) >= path->ceiling && least <= ahead) {
        least = ahead + 1;
    }
    if (least > t.length) {
        return;
    }
    if (t.length > ahead) {
        LZ_PATH(extend)(path, (int32_t)price, prices, t.length);
    }
    LZ_PATH(arrive_each)(e->nodes, path->i, (int32_t)price, prices, least, t.length,
                         lz_step(t.kind, t.index, 0), t.value);
}
