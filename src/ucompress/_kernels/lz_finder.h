/* Match finder: for each position the nearest match of every length that is worth a look.
 *
 *            dictionary (shared, read only)          block (own, rebuilt)
 *   3 bytes                                          last place, hashed
 *   4 bytes  heads -> trees                          heads -> trees
 *
 * Trees are binary search trees by content and heaps by position (Pavlov's bt4): the
 * walk from the newest node meets ever longer matches at ever larger offsets. Inserting in the
 * block restructures its trees; the dictionary's are built once and only read, so any number
 * of encoders share one index.
 *
 *   positions count from the dictionary's first byte; tables hold position + 1, 0 = none
 *   the finder is asked or skipped exactly once for each position, in order
 */
#ifndef UC_LZ_FINDER_H
#define UC_LZ_FINDER_H

#include "lz_block.h"

#define LZ_SHORT_BITS 15
#define LZ_CARRIED 16       /* bytes of a known match that spare the next search */

typedef struct {
    uint32_t length, offset;
} lz_match;

typedef struct {
    uint32_t *heads, *links; /* links: two for each position */
    uint32_t base, bits;     /* first position indexed; log2 of the number of heads */
} lz_index;

typedef struct {
    uint32_t depth, past_depth; /* steps in the block's index, and in the dictionary's */
    uint32_t nice;           /* a match this long is good enough: the search ends */
    uint32_t literal_fee, token_fee; /* 1/64 bit on top of the price: what they cost a decoder */
    uint32_t skim;           /* positions are skimmed that the next one's price exceeds by less; 0: none */
    int literals;            /* LZ_MIXED or LZ_QUICK */
} lz_effort;

typedef struct {
    const uint8_t *window;   /* dictionary, then block */
    uint32_t past, end;
    lz_effort effort;
    lz_index own;
    const lz_index *shared;  /* NULL without a dictionary */
    uint32_t *triples;       /* [1 << LZ_SHORT_BITS] */
    lz_match carried;        /* the dictionary's longest match one position before */
} lz_finder;

#define LZ_MATCHES 96 /* of one position: at most one for each step and short table */

static inline uint32_t lz_index_bits(uint32_t size)
{
    uint32_t bits = size > 1 ? uc_log2(size - 1) + 1 : 0;
    return bits < 10 ? 10 : bits > 20 ? 20 : bits;
}

static inline uint32_t lz_hash4(const uint8_t *p, uint32_t bits)
{
    return (uc_load_le32(p) * 2654435761u) >> (32 - bits);
}

static inline uint32_t lz_hash3(const uint8_t *p)
{
    return (((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16) * 506832829u << 8)
        >> (32 - LZ_SHORT_BITS);
}

/* Appends a match that is longer than all before; returns the end of the list. */
static UC_INLINE lz_match *lz_note(lz_match *out, uint32_t *best, uint32_t length, uint32_t offset)
{
    if (length > *best) {
        *best = length;
        out->length = length;
        out->offset = offset;
        out++;
    }
    return out;
}

/* Bytes that `here` and a tree's node share. On the way to it one node was smaller and one larger: what
 * `here` shares with both, it shares with all between them. */
static UC_INLINE uint32_t lz_tree_length(const uint8_t *there, const uint8_t *here, uint32_t smaller_length,
                                         uint32_t larger_length, uint32_t limit)
{
    uint32_t known = smaller_length < larger_length ? smaller_length : larger_length;
    return known + uc_match_length(there + known, here + known, limit - known);
}

/* Walks a tree down and hangs the position at its root. Returns the end of the list. */
static UC_INLINE lz_match *lz_tree_insert(const lz_index *index, const uint8_t *window, uint32_t position,
                                          uint32_t limit, uint32_t depth, uint32_t best, lz_match *out)
{
    const uint8_t *here = window + position;
    uint32_t *head = &index->heads[lz_hash4(here, index->bits)];
    uint32_t *smaller = &index->links[2 * (size_t)(position - index->base)];
    uint32_t *larger = smaller + 1;
    uint32_t node = *head, smaller_length = 0, larger_length = 0;
    *head = position + 1;
    while (node && depth-- > 0) {
        const uint8_t *there = window + node - 1;
        uint32_t *pair = &index->links[2 * (size_t)(node - 1 - index->base)];
        uint32_t length;
        UC_PREFETCH(pair);
        length = lz_tree_length(there, here, smaller_length, larger_length, limit);
        if (out) {
            out = lz_note(out, &best, length, (uint32_t)(here - there));
        }
        if (length == limit) {
            *smaller = pair[0];
            *larger = pair[1];
            return out;
        }
        if (there[length] < here[length]) {
            *smaller = node;
            smaller = pair + 1;
            node = *smaller;
            smaller_length = length;
        } else {
            *larger = node;
            larger = pair;
            node = *larger;
            larger_length = length;
        }
    }
    *smaller = *larger = 0;
    return out;
}

/* The same walk in the dictionary's tree, which stays as it is. A node near the dictionary's end `past` was
 * compared with no more than the bytes up to there when it was hung up: of what follows them, the block,
 * the tree knows no order. So the walk ends where all of them are equal, though the match may go on. */
static UC_INLINE lz_match *lz_tree_look(const lz_index *index, const uint8_t *window, uint32_t past,
                                        uint32_t position, uint32_t limit, uint32_t depth, uint32_t best,
                                        lz_match *out)
{
    const uint8_t *here = window + position;
    uint32_t node = index->heads[lz_hash4(here, index->bits)];
    uint32_t smaller_length = 0, larger_length = 0;
    while (node && depth-- > 0) {
        const uint8_t *there = window + node - 1;
        const uint32_t *pair = &index->links[2 * (size_t)(node - 1)];
        uint32_t length;
        UC_PREFETCH(pair);
        length = lz_tree_length(there, here, smaller_length, larger_length, limit);
        out = lz_note(out, &best, length, (uint32_t)(here - there));
        if (length == limit || length >= past - (node - 1)) {
            break;
        }
        if (there[length] < here[length]) {
            node = pair[1];
            smaller_length = length;
        } else {
            node = pair[0];
            larger_length = length;
        }
    }
    return out;
}

/* Brings the first steps of later searches near. */
static UC_INLINE void lz_index_prefetch(const lz_index *index, const uint8_t *window, uint32_t position,
                                        uint32_t end)
{
    if (position + 20 < end) {
        uint32_t node = index->heads[lz_hash4(window + position + 6, index->bits)];
        UC_PREFETCH(&index->heads[lz_hash4(window + position + 16, index->bits)]);
        if (node) {
            UC_PREFETCH(window + node - 1);
            UC_PREFETCH(&index->links[2 * (size_t)(node - 1 - index->base)]);
        }
    }
}

/* The dictionary's index, once; heads and links are the caller's memory. */
static inline void lz_index_build(lz_index *index, const uint8_t *past, uint32_t size,
                                  const lz_effort *effort)
{
    uint32_t p;
    memset(index->heads, 0, sizeof(uint32_t) << index->bits);
    for (p = 0; p + 4 <= size; p++) {
        uint32_t limit = size - p < effort->nice ? size - p : effort->nice;
        lz_index_prefetch(index, past, p, size);
        lz_tree_insert(index, past, p, limit, effort->past_depth, 0, NULL);
    }
}

/* Of a reference between the dictionary and `begin` nothing is indexed: candidates lead there. */
static inline void lz_finder_begin(lz_finder *f, uint32_t past, uint32_t begin, uint32_t size)
{
    f->past = past;
    f->end = begin + size;
    f->carried.length = 0;
    f->own.base = begin;
    f->own.bits = lz_index_bits(size);
    memset(f->own.heads, 0, sizeof(uint32_t) << f->own.bits);
    memset(f->triples, 0, sizeof(uint32_t) << LZ_SHORT_BITS);
}

static inline lz_match *lz_find_short(lz_finder *f, uint32_t position, uint32_t limit, lz_match *out)
{
    const uint8_t *here = f->window + position;
    uint32_t *triple = &f->triples[lz_hash3(here)];
    uint32_t best = 2;
    if (*triple) {
        uint32_t length = uc_match_length(f->window + *triple - 1, here, limit);
        out = lz_note(out, &best, length, position + 1 - *triple);
    }
    *triple = position + 1;
    return out;
}

/* Inside a long match of the dictionary the search is spared: its rest is as good as any other. */
static inline lz_match *lz_find_past(lz_finder *f, uint32_t position, uint32_t limit, uint32_t best,
                                     lz_match *out)
{
    lz_match *first = out;
    if (f->carried.length > LZ_CARRIED) {
        f->carried.length--;
        if (f->carried.length > best) {
            out->length = f->carried.length < limit ? f->carried.length : limit;
            out->offset = f->carried.offset;
            out++;
        }
        return out;
    }
    f->carried.length = 0;
    if (best >= limit) {
        return out;
    }
    out = lz_tree_look(f->shared, f->window, f->past, position, limit, f->effort.past_depth, best, out);
    if (out > first) {
        f->carried = out[-1];
    }
    return out;
}

/* Matches at `position`, lengths and offsets growing; returns their number. */
static inline uint32_t lz_find(lz_finder *f, uint32_t position, lz_match *matches)
{
    uint32_t room = f->end - position;
    uint32_t limit = room < f->effort.nice ? room : f->effort.nice;
    lz_match *out = matches;
    uint32_t best;
    if (limit < 4) {
        return 0;
    }
    if (f->shared) {
        lz_index_prefetch(f->shared, f->window, position, f->end);
    }
    lz_index_prefetch(&f->own, f->window, position, f->end);
    out = lz_find_short(f, position, limit, out);
    best = out > matches ? out[-1].length : 2;
    out = lz_tree_insert(&f->own, f->window, position, limit, f->effort.depth, best, out);
    best = out > matches ? out[-1].length : 2;
    if (f->shared) {
        out = lz_find_past(f, position, limit, best, out);
    }
    if (out > matches && out[-1].length == f->effort.nice) {
        uint32_t most = room < LZ_MAX_LENGTH ? room : LZ_MAX_LENGTH;
        const uint8_t *here = f->window + position;
        out[-1].length = uc_match_length(here, here - out[-1].offset, most);
    }
    return (uint32_t)(out - matches);
}

static inline void lz_skip(lz_finder *f, uint32_t position)
{
    uint32_t room = f->end - position;
    uint32_t limit = room < f->effort.nice ? room : f->effort.nice;
    const uint8_t *here = f->window + position;
    f->carried.length -= f->carried.length > 0;
    if (limit < 4) {
        return;
    }
    f->triples[lz_hash3(here)] = position + 1;
    lz_tree_insert(&f->own, f->window, position, limit, f->effort.depth, 0, NULL);
}

#endif
