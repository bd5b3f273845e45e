/* The same walks twice: portable, and with AVX2 where the compiler can. Chosen at run time.
 *
 *   lz_look, lz_guess, lz_flag, lz_symbol -> lz_blend -> lz_walk -> lz_tokens -> lz_arrive -> lz_optimal
 */
#ifndef UC_LZ_PATHS_H
#define UC_LZ_PATHS_H

#include "lz_encoder.h"
#include "lz_prime.h"
#include "lz_simd.h"
#include "lz_span.h"

#define LZ_VECTOR 0
#define LZ_PATH(name) lz_##name##_portable
#include "lz_look.h"
#include "lz_guess.h"
#include "lz_flag.h"
#include "lz_symbol.h"
#include "lz_blend.h"
#include "lz_walk.h"
#include "lz_tokens.h"
#include "lz_arrive.h"
#include "lz_optimal.h"
#undef LZ_PATH
#undef LZ_VECTOR

#if defined(UC_HAVE_AVX2)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2,lzcnt,popcnt")
#endif
#define LZ_VECTOR 1
#define LZ_PATH(name) lz_##name##_avx2
#include "lz_look.h"
#include "lz_guess.h"
#include "lz_flag.h"
#include "lz_symbol.h"
#include "lz_blend.h"
#include "lz_walk.h"
#include "lz_tokens.h"
#include "lz_arrive.h"
#include "lz_optimal.h"
#undef LZ_PATH
#undef LZ_VECTOR
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

static inline void lz_prime(lz_priming *at, lz_model *m, lz_prime_table *table, const lz_shape *shape,
                            const uint8_t *past, uint32_t known, uint32_t size)
{
#if defined(UC_HAVE_AVX2)
    if (shape->vector) {
        lz_prime_avx2(at, m, table, shape, past, known, size);
        return;
    }
#endif
    lz_prime_portable(at, m, table, shape, past, known, size);
}

static inline int lz_decode_tokens(lz_span *span)
{
#if defined(UC_HAVE_AVX2)
    if (span->shape.vector) {
        return lz_decode_tokens_avx2(span);
    }
#endif
    return lz_decode_tokens_portable(span);
}

static inline void lz_parse_optimal(lz_encoder *e)
{
#if defined(UC_HAVE_AVX2)
    if (e->shape.vector) {
        lz_parse_optimal_avx2(e);
        return;
    }
#endif
    lz_parse_optimal_portable(e);
}

#endif
