/* Candidates: places whose past looks like the present one, found by context.
 *
 *   four bytes before a place -> hash -> bucket of one cache line: 8 places | 8 tags, newest first
 *
 *   tag     next byte | hash of bytes 5 to 7 back | rest of the hash | hash of the next six bytes
 *             31..24             23..16                  15..8                 7..0
 *
 *   insert  every place once, LZ_LATE bytes late, whatever the parse; in a bucket an entry of the same
 *           context and continuation is replaced, else the oldest goes: entries differ in what follows
 *   look    the entries of this context, first those whose deeper context agrees too
 *
 * Places count from the dictionary's first byte and start at 1; 0 marks an empty entry. The window
 * has LZ_PAD readable bytes before it. What is ranked is never read from the text.
 */
#ifndef UC_LZ_CANDIDATES_H
#define UC_LZ_CANDIDATES_H

#include "lz_memory.h"
#include "lz_simd.h"

#define LZ_BUCKET_BITS 16
#define LZ_WAYS 8
#define LZ_LATE 16
#define LZ_TAG_REST 0x0000FF00u
#define LZ_TAG_DEEP 0x00FF0000u
#define LZ_TAG_SAME 0xFF00FFFFu

typedef struct {
    uint32_t place[LZ_WAYS];
    uint32_t tag[LZ_WAYS];
} lz_bucket;

typedef struct {
    uint32_t count, deep; /* the first `deep` share the deeper context */
    uint32_t place[LZ_WAYS];
    uint32_t tag[LZ_WAYS];
} lz_view;

static UC_INLINE uint32_t lz_context_hash(const uint8_t *here)
{
    return uc_load_le32(here - 4) * 2654435761u;
}

static UC_INLINE uint32_t lz_deep_tag(const uint8_t *here)
{
    uint32_t bytes = (uint32_t)here[-7] << 16 | (uint32_t)here[-6] << 8 | here[-5];
    return bytes * 2654435761u >> 24 << 16;
}

static UC_INLINE uint32_t lz_place_tag(const uint8_t *here, uint32_t hash)
{
    uint64_t next = (uc_load_le64(here) << 16) * 0x9E3779B97F4A7C15u;
    return (uint32_t)here[0] << 24 | lz_deep_tag(here) | (hash & LZ_TAG_REST) | (uint32_t)(next >> 56);
}

static UC_INLINE lz_bucket *lz_bucket_of(lz_bucket *table, uint32_t hash)
{
    return &table[hash >> (32 - LZ_BUCKET_BITS)];
}

static UC_INLINE void lz_insert(lz_bucket *table, const uint8_t *window, uint32_t place)
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

#if defined(UC_HAVE_AVX2)

/* Order of a bucket after its entry k was taken to the front. */
static const uint32_t lz_front[LZ_WAYS][LZ_WAYS] = {
    { 0, 1, 2, 3, 4, 5, 6, 7 }, { 1, 0, 2, 3, 4, 5, 6, 7 }, { 2, 0, 1, 3, 4, 5, 6, 7 },
    { 3, 0, 1, 2, 4, 5, 6, 7 }, { 4, 0, 1, 2, 3, 5, 6, 7 }, { 5, 0, 1, 2, 3, 4, 6, 7 },
    { 6, 0, 1, 2, 3, 4, 5, 7 }, { 7, 0, 1, 2, 3, 4, 5, 6 },
};

static UC_AVX2 void lz_insert_avx2(lz_bucket *table, const uint8_t *window, uint32_t place)
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

static UC_AVX2_CALL uint32_t lz_insert_span_avx2(lz_bucket *table, const uint8_t *window, uint32_t next,
                                                 uint32_t position)
{
    for (; next + LZ_LATE <= position; next++) {
        UC_PREFETCH(lz_bucket_of(table, lz_context_hash(window + next + LZ_LATE - 4)));
        lz_insert_avx2(table, window, next);
    }
    return next;
}

#endif

/* Inserts every place from `next` on that lies LZ_LATE bytes before `position`; returns the next one. */
static UC_INLINE uint32_t lz_insert_until(int vector, lz_bucket *table, const uint8_t *window, uint32_t next,
                                          uint32_t position)
{
    UC_PREFETCH(lz_bucket_of(table, lz_context_hash(window + position)));
#if defined(UC_HAVE_AVX2)
    if (vector) {
        return lz_insert_span_avx2(table, window, next, position);
    }
#endif
    (void)vector;
    for (; next + LZ_LATE <= position; next++) {
        UC_PREFETCH(lz_bucket_of(table, lz_context_hash(window + next + LZ_LATE - 4)));
        lz_insert(table, window, next);
    }
    return next;
}

/* The set bits of a byte, lowest first, one byte each, zeros behind. */
typedef struct {
    uint64_t of[256];
} lz_set_bits;

static inline void lz_set_bits_init(lz_set_bits *bits)
{
    uint32_t mask, k;
    for (mask = 0; mask < 256; mask++) {
        unsigned n = 0;
        bits->of[mask] = 0;
        for (k = 0; k < LZ_WAYS; k++) {
            bits->of[mask] |= (uint64_t)(mask >> k & 1) * k << n;
            n += 8 * (mask >> k & 1);
        }
    }
}

static inline void lz_look_portable(lz_view *v, const lz_bucket *b, uint32_t hash, uint32_t deep)
{
    uint32_t n = 0, far = 0, k;
    uint32_t others[LZ_WAYS];
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

#if defined(UC_HAVE_AVX2)

static UC_AVX2_CALL void lz_look_avx2(lz_view *v, const lz_set_bits *bits, const lz_bucket *b, uint32_t hash,
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

#endif

static UC_INLINE void lz_look(int vector, lz_view *v, const lz_set_bits *bits, lz_bucket *table,
                              const uint8_t *here)
{
    uint32_t hash = lz_context_hash(here), deep = lz_deep_tag(here);
    const lz_bucket *b = lz_bucket_of(table, hash);
#if defined(UC_HAVE_AVX2)
    if (vector) {
        lz_look_avx2(v, bits, b, hash, deep);
        return;
    }
#endif
    (void)vector;
    (void)bits;
    lz_look_portable(v, b, hash, deep);
}

#endif
