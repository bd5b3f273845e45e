/* Loads, stores and compiler hints of the LZ kernels: byte order and alignment stand here only. */
#ifndef UC_LZ_MEMORY_H
#define UC_LZ_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__) || defined(__clang__)
#define UC_LIKELY(x) __builtin_expect(!!(x), 1)
#define UC_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define UC_NOINLINE __attribute__((noinline))
#define UC_INLINE inline __attribute__((always_inline))
#define UC_PREFETCH(p) __builtin_prefetch(p)
#if defined(__clang__)
#define UC_UNROLL _Pragma("unroll")
#define UC_SELECT(condition, yes, no) (__builtin_unpredictable(condition) ? (yes) : (no))
#else
#define UC_UNROLL _Pragma("GCC unroll 16")
#define UC_SELECT(condition, yes, no) (__builtin_expect_with_probability(condition, 1, 0.5) ? (yes) : (no))
#endif
#elif defined(_MSC_VER)
#include <intrin.h>
#define UC_LIKELY(x) (x)
#define UC_UNLIKELY(x) (x)
#define UC_NOINLINE __declspec(noinline)
#define UC_INLINE __forceinline
#define UC_PREFETCH(p) ((void)(p))
#define UC_UNROLL
#define UC_SELECT(condition, yes, no) ((condition) ? (yes) : (no))
#else
#define UC_LIKELY(x) (x)
#define UC_UNLIKELY(x) (x)
#define UC_NOINLINE
#define UC_INLINE inline
#define UC_PREFETCH(p) ((void)(p))
#define UC_UNROLL
#define UC_SELECT(condition, yes, no) ((condition) ? (yes) : (no))
#endif

static inline uint32_t uc_load_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void uc_store_be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

/* Little-endian whatever the host: hashes made from it reach the bytes of the archive. */
static inline uint32_t uc_load_le32(const uint8_t *p)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
#else
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
#endif
}

static inline uint64_t uc_load_le64(const uint8_t *p)
{
    return (uint64_t)uc_load_le32(p + 4) << 32 | uc_load_le32(p);
}

/* Number of equal bytes at a and b, at most `limit`; both readable that far. */
static inline uint32_t uc_match_length(const uint8_t *a, const uint8_t *b, uint32_t limit)
{
    uint32_t n = 0;
#if defined(__GNUC__) || defined(__clang__) || (defined(_MSC_VER) && defined(_WIN64))
    while (n + 8 <= limit) {
        uint64_t x, y;
        memcpy(&x, a + n, 8);
        memcpy(&y, b + n, 8);
        if (x != y) {
            x ^= y;
#if defined(_MSC_VER) && !defined(__clang__)
            {
                unsigned long at;
                _BitScanForward64(&at, x);
                return n + (uint32_t)(at >> 3);
            }
#elif defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
            return n + (uint32_t)(__builtin_clzll(x) >> 3);
#else
            return n + (uint32_t)(__builtin_ctzll(x) >> 3);
#endif
        }
        n += 8;
    }
#endif
    while (n < limit && a[n] == b[n]) {
        n++;
    }
    return n;
}

/* v > 0 */
static inline unsigned uc_leading_zeros64(uint64_t v)
{
#if defined(__GNUC__) || defined(__clang__)
    return (unsigned)__builtin_clzll(v);
#else
    unsigned n = 0;
    while (!(v >> 63)) {
        v <<= 1;
        n++;
    }
    return n;
#endif
}

/* Position of the highest set bit; v > 0. */
static inline unsigned uc_log2(uint32_t v)
{
#if defined(__GNUC__) || defined(__clang__)
    return 31u - (unsigned)__builtin_clz(v);
#else
    unsigned n = 0;
    while (v >>= 1) {
        n++;
    }
    return n;
#endif
}

#endif
