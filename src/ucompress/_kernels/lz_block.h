/* A block's first byte and limits, shared by encoder and decoder.
 *
 *   0x00   stored: the bytes follow as they are
 *   0x10   coded: tokens follow
 *   0x20   plain: the same with literals of eight even bits
 *   0x30   quick: the same with literals blended instead of mixed
 *   others reserved
 */
#ifndef UC_LZ_BLOCK_H
#define UC_LZ_BLOCK_H

#include "lz_models.h"

#define LZ_PAD 16                 /* readable zeros before the dictionary */
#define LZ_SLACK 32               /* writable bytes behind the block */
#define LZ_LIMIT (8u << 20)       /* of a dictionary, and of a block */

#define LZ_DONE 0
#define LZ_DAMAGED 1

#define LZ_BLOCK_STORED 0
#define LZ_BLOCK_CODED 0x10
#define LZ_BLOCK_PLAIN 0x20
#define LZ_BLOCK_QUICK 0x30

static inline int lz_shape_read(lz_shape *shape, unsigned byte)
{
    shape->literals = byte == LZ_BLOCK_PLAIN ? LZ_PLAIN : byte == LZ_BLOCK_QUICK ? LZ_QUICK : LZ_MIXED;
    return shape->literals != LZ_MIXED || byte == LZ_BLOCK_CODED;
}

static inline uint8_t lz_shape_byte(const lz_shape *shape)
{
    static const uint8_t bytes[3] = { LZ_BLOCK_PLAIN, LZ_BLOCK_CODED, LZ_BLOCK_QUICK };
    return bytes[shape->literals];
}

#endif
