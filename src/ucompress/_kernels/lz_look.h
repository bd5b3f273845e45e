/* Inserting places and looking them up, by vectors where the path has them.
 *
 * Read once for each path; see lz_paths.h.
 */

#if LZ_VECTOR

typedef struct {
    uint32_t bucket[LZ_GROUP], tag[LZ_GROUP]; /* bucket: its offset in bytes */
} LZ_PATH(group);

/* Four bytes from each of eight places in a row, out of the sixteen from `first` on. */
static UC_INLINE __m256i LZ_PATH(fours)(const uint8_t *first, __m256i order)
{
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)first)), order);
}

/* Reads from seven bytes before `here` to sixteen after, which an insertion LZ_LATE bytes back has. */
static UC_INLINE void LZ_PATH(describe)(LZ_PATH(group) *g, const uint8_t *here)
{
    const __m256i four = _mm256_setr_epi8(0, 1, 2, 3, 1, 2, 3, 4, 2, 3, 4, 5, 3, 4, 5, 6,
                                          4, 5, 6, 7, 5, 6, 7, 8, 6, 7, 8, 9, 7, 8, 9, 10);
    const __m256i back = _mm256_setr_epi8(2, 1, 0, -1, 3, 2, 1, -1, 4, 3, 2, -1, 5, 4, 3, -1,
                                          6, 5, 4, -1, 7, 6, 5, -1, 8, 7, 6, -1, 9, 8, 7, -1);
    const __m256i after = _mm256_add_epi8(four, _mm256_set1_epi8(2));
    const __m256i factor = _mm256_set1_epi32((int)2654435761u);
    __m256i hash = _mm256_mullo_epi32(LZ_PATH(fours)(here - 4, four), factor);
    __m256i deep = _mm256_srli_epi32(_mm256_mullo_epi32(LZ_PATH(fours)(here - 7, back), factor), 24);
    __m256i now = LZ_PATH(fours)(here, four);
    __m256i next = _mm256_add_epi32(
        _mm256_mullo_epi32(now, _mm256_set1_epi32((int)LZ_NEXT_LOW)),
        _mm256_mullo_epi32(LZ_PATH(fours)(here, after), _mm256_set1_epi32((int)LZ_NEXT_HIGH)));
    __m256i tag = _mm256_or_si256(_mm256_slli_epi32(now, 24), _mm256_slli_epi32(deep, 16));
    tag = _mm256_or_si256(tag, _mm256_and_si256(hash, _mm256_set1_epi32((int)LZ_TAG_REST)));
    _mm256_storeu_si256((__m256i *)g->tag, _mm256_or_si256(tag, _mm256_srli_epi32(next, 24)));
    hash = _mm256_slli_epi32(_mm256_srli_epi32(hash, 32 - LZ_BUCKET_BITS), LZ_BUCKET_LOG);
    _mm256_storeu_si256((__m256i *)g->bucket, hash);
}

static UC_INLINE void LZ_PATH(insert)(lz_bucket *b, uint32_t place, uint32_t tag)
{
    __m256i added = _mm256_set1_epi32((int)tag);
    __m256i tags = _mm256_loadu_si256((const __m256i *)b->tag);
    __m256i places = _mm256_loadu_si256((const __m256i *)b->place);
    __m256i same = _mm256_and_si256(_mm256_xor_si256(tags, added), _mm256_set1_epi32((int)LZ_TAG_SAME));
    __m256i equal = _mm256_cmpeq_epi32(same, _mm256_setzero_si256());
    unsigned hit = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(equal)) | 1u << (LZ_WAYS - 1);
    __m256i order = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)lz_front[__builtin_ctz(hit)]));
    tags = _mm256_blend_epi32(_mm256_permutevar8x32_epi32(tags, order), added, 1);
    places = _mm256_permutevar8x32_epi32(places, order);
    places = _mm256_blend_epi32(places, _mm256_castsi128_si256(_mm_cvtsi32_si128((int)place)), 1);
    _mm256_storeu_si256((__m256i *)b->tag, tags);
    _mm256_storeu_si256((__m256i *)b->place, places);
}

static UC_INLINE void LZ_PATH(insert_group)(lz_bucket *table, const uint8_t *window, uint32_t place)
{
    LZ_PATH(group) g;
    uint32_t k;
    LZ_PATH(describe)(&g, window + place);
    UC_UNROLL
    for (k = 0; k < LZ_GROUP; k++) {
        LZ_PATH(insert)((lz_bucket *)((uint8_t *)table + g.bucket[k]), place + k, g.tag[k]);
    }
}

#else

static UC_INLINE void LZ_PATH(insert_group)(lz_bucket *table, const uint8_t *window, uint32_t place)
{
    uint32_t end = place + LZ_GROUP;
    for (; place < end; place++) {
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
}

#endif

/* Inserts every group from `next` on that begins LZ_LATE bytes before `position`; returns the next one.
 * Asks for the buckets of the group that is `ahead` of each: LZ_GROUP, or more where the text is known. */
static UC_INLINE uint32_t LZ_PATH(insert_until)(lz_bucket *table, const uint8_t *window, uint32_t next,
                                                uint32_t position, uint32_t ahead)
{
    UC_PREFETCH(lz_bucket_of(table, lz_context_hash(window + position)));
    for (; next + LZ_LATE <= position; next += LZ_GROUP) {
        LZ_PATH(insert_group)(table, window, next);
        lz_fetch_group(table, window + next + ahead);
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
