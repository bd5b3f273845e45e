/* Symbols of four bits, by adaptive cumulative probabilities.
 *
 *   model     fast[16], slow[16]     cumulative: entry k of what is below k, of LZ_SYMBOL_SUM
 *   bound     (fast + slow + 1) / 2 + k     of 32768, so that every symbol keeps a part
 *   learn     entries above the symbol rise, the others fall: c += (target - c) >> rate
 *
 * Entries never decrease along k: a step keeps their order, for targets do not decrease either.
 * Learning all sixteen takes as long as one. Read once for each path; see lz_paths.h.
 */

#if LZ_VECTOR

static UC_INLINE __m256i LZ_PATH(symbol_bounds)(const lz_symbol *m)
{
    const __m256i least = _mm256_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m256i fast = _mm256_loadu_si256((const __m256i *)m->fast);
    __m256i slow = _mm256_loadu_si256((const __m256i *)m->slow);
    return _mm256_add_epi16(_mm256_avg_epu16(fast, slow), least);
}

static UC_INLINE void LZ_PATH(row_learn)(int16_t *row, unsigned value, const int rate)
{
    __m256i target = _mm256_loadu_si256((const __m256i *)(lz_symbol_targets + 15 - value));
    __m256i held = _mm256_loadu_si256((const __m256i *)row);
    held = _mm256_add_epi16(held, _mm256_srai_epi16(_mm256_sub_epi16(target, held), rate));
    _mm256_storeu_si256((__m256i *)row, held);
}

/* The symbol whose part holds `at`. */
static UC_INLINE unsigned LZ_PATH(symbol_among)(__m256i all, uint32_t at, uint32_t part[2])
{
    uint16_t bounds[17];
    __m256i above = _mm256_cmpgt_epi16(all, _mm256_set1_epi16((int16_t)at));
    unsigned value = (unsigned)__builtin_ctzll((uint64_t)(uint32_t)_mm256_movemask_epi8(above)
                                               | (uint64_t)1 << 32) / 2 - 1;
    _mm256_storeu_si256((__m256i *)bounds, all);
    bounds[16] = 32768;
    part[0] = bounds[value];
    part[1] = bounds[value + 1];
    return value;
}

static UC_INLINE unsigned LZ_PATH(symbol_find)(const lz_symbol *m, uint32_t at, uint32_t part[2])
{
    return LZ_PATH(symbol_among)(LZ_PATH(symbol_bounds)(m), at, part);
}

#else

static UC_INLINE void LZ_PATH(row_learn)(int16_t *row, unsigned value, const int rate)
{
    const int16_t *target = lz_symbol_targets + 15 - value;
    int k;
    for (k = 0; k < 16; k++) {
        row[k] = (int16_t)(row[k] + ((target[k] - row[k]) >> rate));
    }
}

static UC_INLINE unsigned LZ_PATH(symbol_find)(const lz_symbol *m, uint32_t at, uint32_t part[2])
{
    unsigned value = 0;
    part[0] = 0;
    while ((part[1] = lz_symbol_bound(m, value + 1)) <= at) {
        part[0] = part[1];
        value++;
    }
    return value;
}

#endif

static UC_INLINE unsigned LZ_PATH(code_symbol)(const int mode, uc_coding *rc, lz_symbol *m, unsigned value)
{
    if (mode == UC_GET) {
        uint32_t part[2];
        value = LZ_PATH(symbol_find)(m, rc_decode_at(rc->get, LZ_SYMBOL_BITS), part);
        rc_decode_part(rc->get, part[0], part[1], LZ_SYMBOL_BITS);
    }
    if (mode == UC_PUT) {
        rc_encode_part(rc->put, lz_symbol_bound(m, value), lz_symbol_bound(m, value + 1), LZ_SYMBOL_BITS);
    }
    LZ_PATH(row_learn)(m->fast, value, LZ_SYMBOL_FAST);
    LZ_PATH(row_learn)(m->slow, value, LZ_SYMBOL_SLOW);
    return value;
}
