/* Candidates: places whose past looks like the present one, found by context.
 *
 *   four bytes before a place -> hash -> bucket of one cache line: 8 places | 8 tags, newest first
 *
 *   tag     next byte | hash of bytes 5 to 7 back | rest of the hash | hash of the next six bytes
 *             31..24             23..16                  15..8                 7..0
 *
 *   insert  every place once, by groups of LZ_GROUP that begin LZ_LATE bytes back, whatever the parse; in a
 *           bucket an entry of the same context and continuation is replaced, else the oldest goes:
 *           entries differ in what follows
 *   look    the entries of this context, first those whose deeper context agrees too
 *
 * Places count from the dictionary's first byte; the first group is never inserted, and 0 marks an empty
 * entry. The window
 * has LZ_PAD readable bytes before it. What is ranked is never read from the text.
 */
#ifndef UC_LZ_CANDIDATES_H
#define UC_LZ_CANDIDATES_H

#include "lz_memory.h"

#define LZ_BUCKET_BITS 16
#define LZ_WAYS 8
#define LZ_BUCKET_LOG 6 /* of its size in bytes */
#define LZ_GROUP 8
#define LZ_LATE 16
#define LZ_AHEAD 8    /* of the parse */
#define LZ_FETCH 48   /* buckets are asked for so many bytes ahead where the text is known */
#define LZ_TAG_REST 0x0000FF00u
#define LZ_TAG_DEEP 0x00FF0000u
#define LZ_TAG_SAME 0xFF00FFFFu
#define LZ_NEXT_LOW 2654435761u
#define LZ_NEXT_HIGH 2246822519u

typedef struct {
    uint32_t place[LZ_WAYS];
    uint32_t tag[LZ_WAYS];
} lz_bucket;

typedef struct {
    uint32_t count, deep; /* the first `deep` share the deeper context */
    uint32_t place[LZ_WAYS];
    uint32_t tag[LZ_WAYS];
} lz_view;

static UC_INLINE uint32_t lz_context_hash(const uint8_t *here)
{
    return uc_load_le32(here - 4) * 2654435761u;
}

static UC_INLINE uint32_t lz_deep_tag(const uint8_t *here)
{
    uint32_t bytes = (uint32_t)here[-7] << 16 | (uint32_t)here[-6] << 8 | here[-5];
    return bytes * 2654435761u >> 24 << 16;
}

static UC_INLINE uint32_t lz_place_tag(const uint8_t *here, uint32_t hash)
{
    uint32_t next = uc_load_le32(here) * LZ_NEXT_LOW + uc_load_le32(here + 2) * LZ_NEXT_HIGH;
    return (uint32_t)here[0] << 24 | lz_deep_tag(here) | (hash & LZ_TAG_REST) | next >> 24;
}

static UC_INLINE lz_bucket *lz_bucket_of(lz_bucket *table, uint32_t hash)
{
    return &table[hash >> (32 - LZ_BUCKET_BITS)];
}

/* Asks for the buckets of a group; reads from four bytes before `here` to the group's last place. */
static UC_INLINE void lz_fetch_group(lz_bucket *table, const uint8_t *here)
{
    uint32_t k;
    UC_UNROLL
    for (k = 0; k < LZ_GROUP; k++) {
        UC_PREFETCH(lz_bucket_of(table, lz_context_hash(here + k)));
    }
}

/* The set bits of a byte, lowest first, one byte each, zeros behind. */
typedef struct {
    uint64_t of[256];
} lz_set_bits;

static inline void lz_set_bits_init(lz_set_bits *bits)
{
    uint32_t mask, k;
    for (mask = 0; mask < 256; mask++) {
        unsigned n = 0;
        bits->of[mask] = 0;
        for (k = 0; k < LZ_WAYS; k++) {
            bits->of[mask] |= (uint64_t)(mask >> k & 1) * k << n;
            n += 8 * (mask >> k & 1);
        }
    }
}

/* Order of a bucket after its entry k was taken to the front. */
static const uint8_t lz_front[LZ_WAYS][LZ_WAYS] = {
    { 0, 1, 2, 3, 4, 5, 6, 7 }, { 1, 0, 2, 3, 4, 5, 6, 7 }, { 2, 0, 1, 3, 4, 5, 6, 7 },
    { 3, 0, 1, 2, 4, 5, 6, 7 }, { 4, 0, 1, 2, 3, 5, 6, 7 }, { 5, 0, 1, 2, 3, 4, 6, 7 },
    { 6, 0, 1, 2, 3, 4, 5, 7 }, { 7, 0, 1, 2, 3, 4, 5, 6 },
};

#endif
