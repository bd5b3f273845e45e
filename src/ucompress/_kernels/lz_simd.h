/* Which vector instructions a path may use; chosen once for each coder, at run time.
 *
 *   UC_HAVE_AVX2   the compiler can make AVX2 functions beside ordinary ones
 */
#ifndef UC_LZ_SIMD_H
#define UC_LZ_SIMD_H

#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#define UC_HAVE_AVX2

/* Asked by hand: older compilers do not know it by name. */
static inline int uc_has_lzcnt(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(0x80000001, &a, &b, &c, &d) && (c >> 5 & 1);
}
#endif

static inline int uc_has_avx2(void)
{
#if defined(UC_HAVE_AVX2)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("bmi")
        && __builtin_cpu_supports("bmi2") && uc_has_lzcnt();
#else
    return 0;
#endif
}

#endif
