/* Which vector instructions a path may use; chosen once for each coder, at run time.
 *
 *   UC_HAVE_AVX2   the compiler can make AVX2 functions beside ordinary ones
 */
#ifndef UC_LZ_SIMD_H
#define UC_LZ_SIMD_H

#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
#include <immintrin.h>
#define UC_HAVE_AVX2
#endif

static inline int uc_has_avx2(void)
{
#if defined(UC_HAVE_AVX2)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("bmi")
        && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("lzcnt");
#else
    return 0;
#endif
}

#endif
