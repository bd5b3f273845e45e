/* The logistic curve and its inverse, as tables that integers alone make.
 *
 *   decay     e^(-k/256) in 2^-30, each step one multiplication
 *   squash    z in 1/256 from -2048 to 2047 -> P in 1/65536, within [16, 65520]
 *   stretch   P in 1/4096 -> z: the least z whose squash reaches the middle of the step
 */
#ifndef UC_MIX_CURVES_H
#define UC_MIX_CURVES_H

#include "lz_memory.h"

#define MIX_DECAY 4278222805u /* e^(-1/256) in 2^-32 */
#define MIX_P_LEAST 16

typedef struct {
    uint16_t squash[4096];
    int16_t stretch[4096];
} mix_curves;

static UC_INLINE int32_t mix_within(int32_t v, int32_t least, int32_t most)
{
    return v < least ? least : v > most ? most : v;
}

static inline void mix_curves_init(mix_curves *curves)
{
    uint64_t decay = (uint64_t)1 << 30;
    int32_t k, p;
    curves->squash[2048] = 32768;
    for (k = 1; k <= 2048; k++) {
        decay = decay * MIX_DECAY >> 32;
        p = (int32_t)((decay << 16) / (((uint64_t)1 << 30) + decay));
        p = mix_within(p, MIX_P_LEAST, 65536 - MIX_P_LEAST);
        curves->squash[2048 - k] = (uint16_t)p;
        if (k < 2048) {
            curves->squash[2048 + k] = (uint16_t)(65536 - p);
        }
    }
    for (k = 1, p = 0; p < 4096; p++) {
        while (k < 4095 && curves->squash[k] < 16 * p + 8) {
            k++;
        }
        curves->stretch[p] = (int16_t)(k - 2048);
    }
}

/* A probability in 1/65536 moves towards a bit. */
static UC_INLINE void mix_move(uint16_t *p, unsigned bit, int rate)
{
    int32_t target = bit ? 65535 : 0;
    *p = (uint16_t)(*p + ((target - *p) >> rate));
}

#endif
