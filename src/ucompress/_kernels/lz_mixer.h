/* Mixing: several guesses of one bit, weighed in the logistic domain. Integers of 16 bits only, in
 * operations that SSSE3, AVX2 and NEON have, so that every path gives the same bits.
 *
 *   cell      2 P(1) - 1 in 1/32768       learns c += (+-1 - c) >> rate
 *   stretch   half log-odds in 1/4096     a polynomial close to atanh
 *   mix       z = sum of weight x stretch in 1/2048; a weight of 1 is 16384
 *   squash    P(1) = (1 + tanh z) / 2 in 1/32768, from 16 straight lines
 *   weights   learn error x stretch
 *
 * After Mahoney's PAQ mixers (2005); the lines and the polynomial are ours.
 */
#ifndef UC_LZ_MIXER_H
#define UC_LZ_MIXER_H

#include "lz_counters.h"

#define LZ_ONE 32767
#define LZ_Z_MOST 8191
#define LZ_TEACH 19         /* weights += error x stretch >> LZ_TEACH */
#define LZ_RATE_FLAG 4
#define LZ_FLAG_CELLS 3

#define LZ_STRETCH_2 12780  /* of x^2, in 1/32768 */
#define LZ_STRETCH_8 24248  /* of x^8, in 1/16384 */

/* P of the unlikelier bit at z = 0, 1/4, 2/4 ..; and the step to the next. */
static const int16_t lz_squash_base[16] = {
    16384, 12371, 8813, 5978, 3906, 2486, 1554, 961, 589, 360, 219, 133, 81, 49, 30, 18,
};
static const int16_t lz_squash_step[16] = {
    -4013, -3558, -2835, -2072, -1420, -932, -593, -372, -229, -141, -86, -52, -32, -19, -12, -7,
};

/* For flags, whose reading is on the critical path: the same two functions, coarser. */
typedef struct {
    int16_t stretch[4096];
    uint16_t squash[4096];
} lz_curves;

/* Product of two fractions of 1/32768, rounded. */
static UC_INLINE int32_t lz_mul(int32_t a, int32_t b)
{
    return (a * b + 0x4000) >> 15;
}

static UC_INLINE int32_t lz_clip(int32_t v)
{
    return v > 32767 ? 32767 : v < -32768 ? -32768 : v;
}

static UC_INLINE int32_t lz_stretch(int32_t x)
{
    int32_t x2 = lz_mul(x, x), x4 = lz_mul(x2, x2), x8 = lz_mul(lz_mul(x4, x4), LZ_STRETCH_8);
    int32_t more = (lz_mul(x2, LZ_STRETCH_2) >> 2) + (x8 >> 1);
    return (x >> 3) + lz_mul(x >> 1, more);
}

static UC_INLINE int32_t lz_squash(int32_t z)
{
    int32_t a = z < 0 ? -z : z, low;
    a = a > LZ_Z_MOST ? LZ_Z_MOST : a;
    low = lz_squash_base[a >> 9] + lz_mul(lz_squash_step[a >> 9], (a & 511) << 6);
    return z < 0 ? low : 32768 - low;
}

static inline void lz_curves_init(lz_curves *curves)
{
    int k;
    for (k = 0; k < 4096; k++) {
        curves->stretch[k] = (int16_t)lz_stretch(16 * (k - 2048) + 8);
        curves->squash[k] = (uint16_t)lz_squash(4 * (k - 2048) + 2);
    }
}

static UC_INLINE int16_t lz_cell_learn(int32_t cell, unsigned bit, int rate)
{
    int32_t step = LZ_ONE >> rate;
    return (int16_t)(cell - (cell >> rate) + (bit ? step : -step));
}

static UC_INLINE int16_t lz_weight_learn(int32_t weight, int32_t gradient)
{
    return (int16_t)lz_clip(weight + ((gradient + (1 << (LZ_TEACH - 1))) >> LZ_TEACH));
}

/* A flag: one bit, mixed from three cells. */
typedef struct {
    int16_t *cell[LZ_FLAG_CELLS];
    int16_t *weight; /* [4] */
} lz_flag;

static UC_INLINE uint32_t lz_p0_of(int32_t p1)
{
    return 65536 - 2 * (uint32_t)p1;
}

#endif
