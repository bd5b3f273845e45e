/* Inserting places and looking them up, by vectors where the path has them.
 *
 * Read once for each path; see lz_paths.h.
 */

#if LZ_VECTOR

static UC_INLINE void LZ_PATH(insert)(lz_bucket *table, const uint8_t *window, uint32_t place)
{
    uint32_t hash = lz_context_hash(window + place);
    uint32_t tag = lz_place_tag(window + place, hash);
    lz_bucket *b = lz_bucket_of(table, hash);
    __m256i tags = _mm256_loadu_si256((const __m256i *)b->tag);
    __m256i places = _mm256_loadu_si256((const __m256i *)b->place);
    __m256i same = _mm256_and_si256(_mm256_xor_si256(tags, _mm256_set1_epi32((int)tag)),
                                    _mm256_set1_epi32((int)LZ_TAG_SAME));
    __m256i equal = _mm256_cmpeq_epi32(same, _mm256_setzero_si256());
    unsigned hit = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(equal)) | 1u << (LZ_WAYS - 1);
    __m256i order = _mm256_loadu_si256((const __m256i *)lz_front[__builtin_ctz(hit)]);
    tags = _mm256_permutevar8x32_epi32(tags, order);
    places = _mm256_permutevar8x32_epi32(places, order);
    tags = _mm256_blend_epi32(tags, _mm256_castsi128_si256(_mm_cvtsi32_si128((int)tag)), 1);
    places = _mm256_blend_epi32(places, _mm256_castsi128_si256(_mm_cvtsi32_si128((int)place)), 1);
    _mm256_storeu_si256((__m256i *)b->tag, tags);
    _mm256_storeu_si256((__m256i *)b->place, places);
}

#else

static UC_INLINE void LZ_PATH(insert)(lz_bucket *table, const uint8_t *window, uint32_t place)
{
    uint32_t hash = lz_context_hash(window + place);
    uint32_t tag = lz_place_tag(window + place, hash);
    lz_bucket *b = lz_bucket_of(table, hash);
    unsigned k = 0;
    while (k < LZ_WAYS - 1 && ((b->tag[k] ^ tag) & LZ_TAG_SAME) != 0) {
        k++;
    }
    for (; k > 0; k--) {
        b->tag[k] = b->tag[k - 1];
        b->place[k] = b->place[k - 1];
    }
    b->tag[0] = tag;
    b->place[0] = place;
}

#endif

/* Inserts every place from `next` on that lies LZ_LATE bytes before `position`; returns the next one. */
static UC_INLINE uint32_t LZ_PATH(insert_until)(lz_bucket *table, const uint8_t *window, uint32_t next,
                                                uint32_t position)
{
    UC_PREFETCH(lz_bucket_of(table, lz_context_hash(window + position)));
    for (; next + LZ_LATE <= position; next++) {
        UC_PREFETCH(lz_bucket_of(table, lz_context_hash(window + next + LZ_LATE - 4)));
        LZ_PATH(insert)(table, window, next);
    }
    return next;
}

#if LZ_VECTOR

static UC_INLINE void LZ_PATH(look_in)(lz_view *v, const lz_set_bits *bits, const lz_bucket *b, uint32_t hash,
                                       uint32_t deep)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i tags = _mm256_loadu_si256((const __m256i *)b->tag);
    __m256i places = _mm256_loadu_si256((const __m256i *)b->place);
    __m256i rest = _mm256_and_si256(_mm256_xor_si256(tags, _mm256_set1_epi32((int)hash)),
                                    _mm256_set1_epi32((int)LZ_TAG_REST));
    __m256i depth = _mm256_and_si256(_mm256_xor_si256(tags, _mm256_set1_epi32((int)deep)),
                                     _mm256_set1_epi32((int)LZ_TAG_DEEP));
    __m256i fits = _mm256_andnot_si256(_mm256_cmpeq_epi32(places, zero), _mm256_cmpeq_epi32(rest, zero));
    unsigned all = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(fits));
    unsigned near = all & (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(depth, zero)));
    unsigned n = (unsigned)__builtin_popcount(near);
    uint64_t order = bits->of[near] | bits->of[all ^ near] << 4 * n << 4 * n;
    __m256i picked = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)order));
    _mm256_storeu_si256((__m256i *)v->tag, _mm256_permutevar8x32_epi32(tags, picked));
    _mm256_storeu_si256((__m256i *)v->place, _mm256_permutevar8x32_epi32(places, picked));
    v->deep = n;
    v->count = (uint32_t)__builtin_popcount(all);
}

#else

static UC_INLINE void LZ_PATH(look_in)(lz_view *v, const lz_set_bits *bits, const lz_bucket *b, uint32_t hash,
                                       uint32_t deep)
{
    uint32_t n = 0, far = 0, k;
    uint32_t others[LZ_WAYS];
    (void)bits;
    for (k = 0; k < LZ_WAYS; k++) {
        uint32_t tag = b->tag[k];
        unsigned fits = b->place[k] != 0 && ((tag ^ hash) & LZ_TAG_REST) == 0;
        unsigned near = (tag & LZ_TAG_DEEP) == deep;
        v->place[n] = b->place[k];
        v->tag[n] = tag;
        n += fits & near;
        others[far] = k;
        far += fits & !near;
    }
    v->deep = n;
    for (k = 0; k < far; k++) {
        v->place[n] = b->place[others[k]];
        v->tag[n] = b->tag[others[k]];
        n++;
    }
    v->count = n;
}

#endif

static UC_INLINE void LZ_PATH(look)(lz_view *v, const lz_set_bits *bits, lz_bucket *table,
                                    const uint8_t *here)
{
    uint32_t hash = lz_context_hash(here);
    LZ_PATH(look_in)(v, bits, lz_bucket_of(table, hash), hash, lz_deep_tag(here));
}
