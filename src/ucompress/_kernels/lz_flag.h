/* A flag guessed and learned: one bit, mixed from three cells.
 *
 *   three cells --stretch--> x weights --squash--> P(1)            guess
 *   the cells learn the bit, the weights error x stretch           learn
 *
 * The vector path keeps cells and weights in three lanes of a register. Read once for each path; see
 * lz_paths.h.
 */

#if LZ_VECTOR

typedef struct {
    __m128i cells, stretched;
    int32_t p1;
} LZ_PATH(mixed);

static UC_INLINE LZ_PATH(mixed) LZ_PATH(flag_guess)(const lz_curves *curves, const lz_flag *f)
{
    LZ_PATH(mixed) x;
    __m128i weights = _mm_loadl_epi64((const __m128i *)f->weight);
    __m128i v, v2, v4, more, z;
    x.cells = _mm_cvtsi32_si128((uint16_t)*f->cell[0]);
    x.cells = _mm_insert_epi16(_mm_insert_epi16(x.cells, *f->cell[1], 1), *f->cell[2], 2);
    v = _mm_or_si128(_mm_and_si128(x.cells, _mm_set1_epi16(-16)), _mm_set1_epi16(8));
    v2 = _mm_mulhrs_epi16(v, v);
    v4 = _mm_mulhrs_epi16(v2, v2);
    more = _mm_srai_epi16(_mm_mulhrs_epi16(v2, _mm_set1_epi16(LZ_STRETCH_2)), 2);
    v4 = _mm_mulhrs_epi16(_mm_mulhrs_epi16(v4, v4), _mm_set1_epi16(LZ_STRETCH_8));
    more = _mm_add_epi16(more, _mm_srai_epi16(v4, 1));
    x.stretched = _mm_add_epi16(_mm_srai_epi16(v, 3), _mm_mulhrs_epi16(_mm_srai_epi16(v, 1), more));
    z = _mm_madd_epi16(_mm_mulhrs_epi16(x.stretched, weights), _mm_set_epi16(0, 0, 0, 0, 0, 1, 1, 1));
    z = _mm_add_epi32(z, _mm_srli_epi64(z, 32));
    z = _mm_max_epi32(_mm_min_epi32(z, _mm_cvtsi32_si128(LZ_Z_MOST)), _mm_cvtsi32_si128(-LZ_Z_MOST - 1));
    x.p1 = curves->squash[(_mm_cvtsi128_si32(z) + LZ_Z_MOST + 1) >> 2];
    return x;
}

static UC_INLINE void LZ_PATH(flag_learn)(const LZ_PATH(mixed) *x, const lz_flag *f, unsigned bit)
{
    int32_t error = (bit ? LZ_ONE : 0) - x->p1;
    __m128i pairs = _mm_unpacklo_epi16(x->stretched, _mm_setzero_si128());
    __m128i gradient = _mm_madd_epi16(pairs, _mm_set1_epi32(error & 0xFFFF));
    __m128i weights = _mm_cvtepi16_epi32(_mm_loadl_epi64((const __m128i *)f->weight));
    __m128i step = _mm_set1_epi16((int16_t)(bit ? LZ_ONE >> LZ_RATE_FLAG : -(LZ_ONE >> LZ_RATE_FLAG)));
    __m128i cells = _mm_add_epi16(_mm_sub_epi16(x->cells, _mm_srai_epi16(x->cells, LZ_RATE_FLAG)), step);
    gradient = _mm_srai_epi32(_mm_add_epi32(gradient, _mm_set1_epi32(1 << (LZ_TEACH - 1))), LZ_TEACH);
    weights = _mm_add_epi32(weights, gradient);
    _mm_storel_epi64((__m128i *)f->weight, _mm_packs_epi32(weights, weights));
    *f->cell[0] = (int16_t)_mm_extract_epi16(cells, 0);
    *f->cell[1] = (int16_t)_mm_extract_epi16(cells, 1);
    *f->cell[2] = (int16_t)_mm_extract_epi16(cells, 2);
}

#else

typedef struct {
    int32_t stretched[LZ_FLAG_CELLS];
    int32_t p1;
} LZ_PATH(mixed);

static UC_INLINE LZ_PATH(mixed) LZ_PATH(flag_guess)(const lz_curves *curves, const lz_flag *f)
{
    LZ_PATH(mixed) x;
    int32_t z = 0;
    int k;
    for (k = 0; k < LZ_FLAG_CELLS; k++) {
        x.stretched[k] = curves->stretch[(*f->cell[k] >> 4) + 2048];
        z += lz_mul(x.stretched[k], f->weight[k]);
    }
    z = z > LZ_Z_MOST ? LZ_Z_MOST : z < -LZ_Z_MOST - 1 ? -LZ_Z_MOST - 1 : z;
    x.p1 = curves->squash[(z + LZ_Z_MOST + 1) >> 2];
    return x;
}

static UC_INLINE void LZ_PATH(flag_learn)(const LZ_PATH(mixed) *x, const lz_flag *f, unsigned bit)
{
    int32_t error = (bit ? LZ_ONE : 0) - x->p1;
    int k;
    for (k = 0; k < LZ_FLAG_CELLS; k++) {
        f->weight[k] = lz_weight_learn(f->weight[k], error * x->stretched[k]);
        *f->cell[k] = lz_cell_learn(*f->cell[k], bit, LZ_RATE_FLAG);
    }
}

#endif

static UC_INLINE unsigned LZ_PATH(code_flag)(const int mode, uc_coding *rc, const lz_curves *curves,
                                             const lz_flag *f, unsigned bit)
{
    LZ_PATH(mixed) x = LZ_PATH(flag_guess)(curves, f);
    bit = uc_code_bit(mode, rc, lz_p0_of(x.p1), bit);
    LZ_PATH(flag_learn)(&x, f, bit);
    return bit;
}
