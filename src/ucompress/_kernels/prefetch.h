/* UC_PREFETCH(address): ask for a cache line that will soon be read or written. A hint: it
 * never faults and never changes a result. */
#ifndef UCOMPRESS_PREFETCH_H
#define UCOMPRESS_PREFETCH_H

#if defined(__GNUC__) || defined(__clang__)
#define UC_PREFETCH(address) __builtin_prefetch((const void *)(address), 1)
#elif defined(_MSC_VER) && (defined(_M_X64) || defined(_M_IX86))
#include <xmmintrin.h>
#define UC_PREFETCH(address) _mm_prefetch((const char *)(address), _MM_HINT_T0)
#else
#define UC_PREFETCH(address) ((void)(address))
#endif

#endif
