/* Half a literal guessed, walked and learned.
 *
 * The vector path guesses all nodes at once, ahead of the range coder. The portable one guesses a
 * node when it is asked for. Both give the same numbers. Read once for each path; see lz_paths.h.
 */

#if LZ_VECTOR

static UC_INLINE __m256i LZ_PATH(stretch)(__m256i x)
{
    __m256i x2 = _mm256_mulhrs_epi16(x, x), x4 = _mm256_mulhrs_epi16(x2, x2);
    __m256i x8 = _mm256_mulhrs_epi16(_mm256_mulhrs_epi16(x4, x4), _mm256_set1_epi16(LZ_STRETCH_8));
    __m256i more = _mm256_srai_epi16(_mm256_mulhrs_epi16(x2, _mm256_set1_epi16(LZ_STRETCH_2)), 2);
    more = _mm256_add_epi16(more, _mm256_srai_epi16(x8, 1));
    return _mm256_add_epi16(_mm256_srai_epi16(x, 3), _mm256_mulhrs_epi16(_mm256_srai_epi16(x, 1), more));
}

/* table[index] for 16 indices below 16; the table's words as low bytes, then high bytes. */
static UC_INLINE __m256i LZ_PATH(pick)(const uint8_t bytes[2][16], __m256i index)
{
    __m256i low = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)bytes[0]));
    __m256i high = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)bytes[1]));
    __m256i even = _mm256_or_si256(index, _mm256_set1_epi16((int16_t)0x8000));
    __m256i odd = _mm256_or_si256(_mm256_slli_epi16(index, 8), _mm256_set1_epi16(0x80));
    return _mm256_or_si256(_mm256_shuffle_epi8(low, even), _mm256_shuffle_epi8(high, odd));
}

static UC_INLINE __m256i LZ_PATH(squash)(__m256i z)
{
    static const uint8_t base[2][16] = {
        { 0, 83, 109, 90, 66, 182, 18, 193, 77, 104, 219, 133, 81, 49, 30, 18 },
        { 64, 48, 34, 23, 15, 9, 6, 3, 2, 1, 0, 0, 0, 0, 0, 0 },
    };
    static const uint8_t step[2][16] = {
        { 83, 26, 237, 232, 116, 92, 175, 140, 27, 115, 170, 204, 224, 237, 244, 249 },
        { 240, 242, 244, 247, 250, 252, 253, 254, 255, 255, 255, 255, 255, 255, 255, 255 },
    };
    const __m256i half = _mm256_set1_epi16(16384);
    __m256i a = _mm256_min_epu16(_mm256_abs_epi16(z), _mm256_set1_epi16(LZ_Z_MOST));
    __m256i index = _mm256_srli_epi16(a, 9);
    __m256i rest = _mm256_slli_epi16(_mm256_and_si256(a, _mm256_set1_epi16(511)), 6);
    __m256i low = _mm256_mulhrs_epi16(LZ_PATH(pick)(step, index), rest);
    low = _mm256_add_epi16(low, LZ_PATH(pick)(base, index));
    return _mm256_add_epi16(half, _mm256_sign_epi16(_mm256_sub_epi16(half, low), z));
}

static UC_INLINE void LZ_PATH(nibble_guess)(lz_nibble *n)
{
    __m256i part[LZ_INPUTS], z;
    int k;
    for (k = 0; k < LZ_INPUTS; k++) {
        __m256i stretched = LZ_PATH(stretch)(_mm256_loadu_si256((const __m256i *)n->slot[k]));
        _mm256_storeu_si256((__m256i *)n->stretched[k], stretched);
        part[k] = _mm256_mulhrs_epi16(stretched, _mm256_set1_epi16(n->weight[k]));
    }
    z = _mm256_adds_epi16(_mm256_adds_epi16(part[0], part[1]), _mm256_adds_epi16(part[2], part[3]));
    z = _mm256_adds_epi16(z, _mm256_adds_epi16(part[4], part[5]));
    _mm256_storeu_si256((__m256i *)n->p1, LZ_PATH(squash)(z));
}

/* Each weight by the sum of its eight products; the two behind the last one stay. */
static UC_INLINE void LZ_PATH(weights_learn)(int16_t *weight, const __m256i product[LZ_INPUTS])
{
    __m256i first = _mm256_hadd_epi32(_mm256_hadd_epi32(product[0], product[1]),
                                      _mm256_hadd_epi32(product[2], product[3]));
    __m256i last = _mm256_hadd_epi32(_mm256_hadd_epi32(product[4], product[5]), _mm256_setzero_si256());
    __m256i sum = _mm256_add_epi32(_mm256_permute2x128_si256(first, last, 0x20),
                                   _mm256_permute2x128_si256(first, last, 0x31));
    __m256i held = _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)weight));
    sum = _mm256_srai_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(1 << (LZ_TEACH - 1))), LZ_TEACH);
    held = _mm256_add_epi32(held, sum);
    _mm_storeu_si128((__m128i *)weight, _mm_packs_epi32(_mm256_castsi256_si128(held),
                                                        _mm256_extracti128_si256(held, 1)));
}

static UC_INLINE void LZ_PATH(nibble_learn)(lz_nibble *n, unsigned value)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i sign = _mm256_loadu_si256((const __m256i *)lz_paths[value]);
    __m256i off = _mm256_cmpeq_epi16(sign, zero);
    __m256i target = _mm256_and_si256(_mm256_cmpgt_epi16(sign, zero), _mm256_set1_epi16(LZ_ONE));
    __m256i p1 = _mm256_loadu_si256((const __m256i *)n->p1);
    __m256i error = _mm256_andnot_si256(off, _mm256_sub_epi16(target, p1));
    __m256i product[LZ_INPUTS];
    int k;
    for (k = 0; k < LZ_INPUTS; k++) {
        int rate = lz_literal_rates[k];
        __m256i cells = _mm256_loadu_si256((const __m256i *)n->slot[k]);
        __m256i step = _mm256_sign_epi16(_mm256_set1_epi16((int16_t)(LZ_ONE >> rate)), sign);
        product[k] = _mm256_madd_epi16(error, _mm256_loadu_si256((const __m256i *)n->stretched[k]));
        step = _mm256_sub_epi16(step, _mm256_andnot_si256(off, _mm256_srai_epi16(cells, rate)));
        _mm256_storeu_si256((__m256i *)n->slot[k], _mm256_add_epi16(cells, step));
    }
    LZ_PATH(weights_learn)(n->weight, product);
}

static UC_INLINE uint32_t LZ_PATH(nibble_p0)(lz_nibble *n, unsigned node)
{
    return lz_p0_of(n->p1[node]);
}

#else

static UC_INLINE void LZ_PATH(node_guess)(lz_nibble *n, unsigned node)
{
    int32_t part[LZ_INPUTS];
    int k;
    for (k = 0; k < LZ_INPUTS; k++) {
        n->stretched[k][node] = (int16_t)lz_stretch(n->slot[k][node]);
        part[k] = lz_mul(n->stretched[k][node], n->weight[k]);
    }
    n->p1[node] = (int16_t)lz_squash(lz_clip(
        lz_clip(lz_clip(part[0] + part[1]) + lz_clip(part[2] + part[3])) + lz_clip(part[4] + part[5])));
}

static UC_INLINE void LZ_PATH(nibble_learn)(lz_nibble *n, unsigned value)
{
    int32_t gradient[LZ_INPUTS] = { 0 };
    unsigned depth;
    int k;
    for (depth = 0; depth < 4; depth++) {
        unsigned node = (16 | value) >> (4 - depth), bit = value >> (3 - depth) & 1;
        int32_t error = (bit ? LZ_ONE : 0) - n->p1[node];
        for (k = 0; k < LZ_INPUTS; k++) {
            gradient[k] += error * n->stretched[k][node];
            n->slot[k][node] = lz_cell_learn(n->slot[k][node], bit, lz_literal_rates[k]);
        }
    }
    for (k = 0; k < LZ_INPUTS; k++) {
        n->weight[k] = lz_weight_learn(n->weight[k], gradient[k]);
    }
}

/* Nothing ahead: a node is guessed when it is asked for. */
static UC_INLINE void LZ_PATH(nibble_guess)(lz_nibble *n)
{
    (void)n;
}

static UC_INLINE uint32_t LZ_PATH(nibble_p0)(lz_nibble *n, unsigned node)
{
    LZ_PATH(node_guess)(n, node);
    return lz_p0_of(n->p1[node]);
}

#endif

static UC_INLINE unsigned LZ_PATH(code_nibble)(const int mode, uc_coding *rc, lz_nibble *n, unsigned value)
{
    unsigned node = 1, k;
    LZ_PATH(nibble_guess)(n);
    for (k = 4; k-- > 0;) {
        node = node << 1 | uc_code_bit(mode, rc, LZ_PATH(nibble_p0)(n, node), value >> k & 1);
    }
    LZ_PATH(nibble_learn)(n, node & 15);
    return node & 15;
}
