/* Half a literal of a quick block: one symbol, whose cumulative probabilities are a blend of three.
 *
 *   bound     sum of weight x entry / 65536, + k     of 32768; weights add up to 65535
 *   learn     every model as a symbol's, by one rate; each weight by its model's share in what came true:
 *             share = weight x P(model) / P(blend), a sixteenth of it spread evenly; w += (share - w) >> 5
 *
 * So no weight comes near 0, and the last, which is what the others leave, stays positive.
 * Read once for each path; see lz_paths.h.
 */

static UC_INLINE uint32_t LZ_PATH(blend_bound)(const lz_blend *b, const uint32_t weight[LZ_BLENDED],
                                               unsigned k)
{
    uint32_t bound = k, n;
    if (k == 16) {
        return 32768;
    }
    for (n = 0; n < LZ_BLENDED; n++) {
        bound += (uint32_t)b->model[n][k] * weight[n] >> 16;
    }
    return bound;
}

static UC_INLINE void LZ_PATH(blend_learn)(const lz_blend *b, const uint32_t weight[LZ_BLENDED],
                                           unsigned value, uint32_t size)
{
    uint32_t left = 65535, n;
    for (n = 0; n < LZ_BLENDED; n++) {
        int16_t *m = b->model[n];
        if (n < LZ_BLENDED - 1) {
            uint32_t part = (uint32_t)((value == 15 ? LZ_SYMBOL_SUM : m[value + 1]) - m[value]);
            uint32_t share = weight[n] * part / size;
            share = share < left ? share : left;
            left -= share;
            share = share - (share >> 4) + 65536 / 16 / LZ_BLENDED;
            b->weight[n] = (uint16_t)(weight[n] + ((int32_t)(share - weight[n]) >> LZ_BLEND_RATE));
        }
        LZ_PATH(row_learn)(m, value, lz_blend_rates[n]);
    }
}

/* The symbol whose part holds `at`. */
static UC_INLINE unsigned LZ_PATH(blend_find)(const lz_blend *b, const uint32_t weight[LZ_BLENDED],
                                              uint32_t at, uint32_t part[2])
{
#if LZ_VECTOR
    __m256i all = _mm256_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    int n;
    for (n = 0; n < LZ_BLENDED; n++) {
        __m256i held = _mm256_loadu_si256((const __m256i *)b->model[n]);
        all = _mm256_add_epi16(all, _mm256_mulhi_epu16(held, _mm256_set1_epi16((int16_t)weight[n])));
    }
    return LZ_PATH(symbol_among)(all, at, part);
#else
    unsigned value = 0;
    part[0] = 0;
    while ((part[1] = LZ_PATH(blend_bound)(b, weight, value + 1)) <= at) {
        part[0] = part[1];
        value++;
    }
    return value;
#endif
}

static UC_INLINE void LZ_PATH(blend_weights)(const lz_blend *b, uint32_t weight[LZ_BLENDED])
{
    weight[0] = b->weight[0];
    weight[1] = b->weight[1];
    weight[2] = 65535 - weight[0] - weight[1];
}

static UC_INLINE unsigned LZ_PATH(code_blend)(const int mode, uc_coding *rc, const lz_blend *b,
                                              unsigned value)
{
    uint32_t weight[LZ_BLENDED], part[2];
    LZ_PATH(blend_weights)(b, weight);
    if (mode == UC_GET) {
        value = LZ_PATH(blend_find)(b, weight, rc_decode_at(rc->get, LZ_SYMBOL_BITS), part);
        rc_decode_part(rc->get, part[0], part[1], LZ_SYMBOL_BITS);
    } else {
        part[0] = LZ_PATH(blend_bound)(b, weight, value);
        part[1] = LZ_PATH(blend_bound)(b, weight, value + 1);
    }
    if (mode == UC_PUT) {
        rc_encode_part(rc->put, part[0], part[1], LZ_SYMBOL_BITS);
    }
    LZ_PATH(blend_learn)(b, weight, value, part[1] - part[0]);
    return value;
}
