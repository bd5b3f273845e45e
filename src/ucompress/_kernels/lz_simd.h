/* Which vector instructions a path may use; chosen once for each coder, at run time.
 *
 *   UC_HAVE_AVX2   the compiler can make AVX2 functions beside ordinary ones
 *   UC_AVX2        of a part that is inlined into such a function
 *   UC_AVX2_CALL   of the function itself
 */
#ifndef UC_LZ_SIMD_H
#define UC_LZ_SIMD_H

#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
#include <immintrin.h>
#define UC_HAVE_AVX2
#define UC_AVX2 inline __attribute__((target("avx2,popcnt"), always_inline))
#define UC_AVX2_CALL __attribute__((target("avx2,popcnt"), noinline))
#endif

static inline int uc_has_avx2(void)
{
#if defined(UC_HAVE_AVX2)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt");
#else
    return 0;
#endif
}

#endif
