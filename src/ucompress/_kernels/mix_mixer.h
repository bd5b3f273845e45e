/* The mixer: inputs of 12 bits, the sum of three sets of 16-bit weights, one error for all.
 *
 *   weight = clip(clip(a + b) + c)            1 is 16384
 *   z      = sum of weight x input >> 14      in 1/256, at most 2^31 - 1 before the shift
 *   each of the three += (4 x input x error + 2^14) >> 15, clipped
 *
 * Both paths give the same numbers. A path file, see `mix_paths.h`. After Mahoney's PAQ mixers (2005).
 */
#if MIX_VECTOR

/* The inputs come in pairs, from registers: a vector of what was stored in parts would have to wait. */
static UC_INLINE void MIX_PATH(pack)(const int lanes, int16_t *x, const uint32_t *pair)
{
    int k;
    for (k = 0; k < lanes / 2; k += 8) {
        __m256i v = _mm256_setr_epi32((int)pair[k], (int)pair[k + 1], (int)pair[k + 2], (int)pair[k + 3],
                                      (int)pair[k + 4], (int)pair[k + 5], (int)pair[k + 6], (int)pair[k + 7]);
        _mm256_store_si256((__m256i *)(x + 2 * k), v);
    }
}

static UC_INLINE int32_t MIX_PATH(mix)(const int lanes, const int16_t *x, int16_t *const set[3])
{
    __m256i sum = _mm256_setzero_si256();
    __m128i half;
    int k;
    for (k = 0; k < lanes; k += 16) {
        __m256i w = _mm256_adds_epi16(_mm256_load_si256((const __m256i *)(set[0] + k)),
                                      _mm256_load_si256((const __m256i *)(set[1] + k)));
        w = _mm256_adds_epi16(w, _mm256_load_si256((const __m256i *)(set[2] + k)));
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(w, _mm256_load_si256((const __m256i *)(x + k))));
    }
    half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4E));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xB1));
    return _mm_cvtsi128_si32(half) >> 14;
}

static UC_INLINE void MIX_PATH(teach)(const int lanes, const int16_t *x, int16_t *const set[3], int32_t error)
{
    __m256i e = _mm256_set1_epi16((int16_t)error);
    int k, s;
    for (k = 0; k < lanes; k += 16) {
        __m256i step = _mm256_slli_epi16(_mm256_load_si256((const __m256i *)(x + k)), 2);
        step = _mm256_mulhrs_epi16(step, e);
        for (s = 0; s < 3; s++) {
            __m256i *w = (__m256i *)(set[s] + k);
            _mm256_store_si256(w, _mm256_adds_epi16(_mm256_load_si256(w), step));
        }
    }
}

#else

static UC_INLINE void MIX_PATH(pack)(const int lanes, int16_t *x, const uint32_t *pair)
{
    memcpy(x, pair, 2 * (size_t)lanes);
}

static UC_INLINE int32_t mix_clip16(int32_t v)
{
    return mix_within(v, -32768, 32767);
}

static UC_INLINE int32_t MIX_PATH(mix)(const int lanes, const int16_t *x, int16_t *const set[3])
{
    int32_t sum = 0;
    int k;
    for (k = 0; k < lanes; k++) {
        sum += x[k] * mix_clip16(mix_clip16(set[0][k] + set[1][k]) + set[2][k]);
    }
    return sum >> 14;
}

static UC_INLINE void MIX_PATH(teach)(const int lanes, const int16_t *x, int16_t *const set[3], int32_t error)
{
    int k, s;
    for (k = 0; k < lanes; k++) {
        int32_t step = (4 * x[k] * error + 16384) >> 15;
        for (s = 0; s < 3; s++) {
            set[s][k] = (int16_t)mix_clip16(set[s][k] + step);
        }
    }
}

#endif
