/* The same model twice: portable, and with AVX2 where the compiler can. Chosen at run time.
 *
 *   mix_slots -> mix_mixer -> mix_byte -> mix_span       read once for each path
 */
#ifndef UC_MIX_PATHS_H
#define UC_MIX_PATHS_H

#include "lz_simd.h"
#include "mix_flag.h"

#define MIX_VECTOR 0
#define MIX_PATH(name) mix_##name##_portable
#include "mix_slots.h"
#include "mix_mixer.h"
#include "mix_byte.h"
#include "mix_span.h"
#undef MIX_PATH
#undef MIX_VECTOR

#if defined(UC_HAVE_AVX2)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif
#define MIX_VECTOR 1
#define MIX_PATH(name) mix_##name##_avx2
#include "mix_slots.h"
#include "mix_mixer.h"
#include "mix_byte.h"
#include "mix_span.h"
#undef MIX_PATH
#undef MIX_VECTOR
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

static inline void mix_span(int vector, int mode, uc_coding *rc, mix_model *m, const mix_fixed *f,
                            int level, uint8_t *window, uint32_t from, uint32_t to, int flat)
{
#if defined(UC_HAVE_AVX2)
    if (vector) {
        mix_span_avx2(mode, rc, m, f, level, window, from, to, flat);
        return;
    }
#endif
    (void)vector;
    mix_span_portable(mode, rc, m, f, level, window, from, to, flat);
}

#endif
