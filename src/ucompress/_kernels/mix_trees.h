/* How a byte becomes decisions: a Huffman code for each byte before it, made from the dictionary.
 *
 *   counts of pairs --weights--> 256 codes        a byte takes 4 decisions of text instead of 8
 *   tree 256                                      all weights equal: for data unlike text
 *
 * The two nodes of least weight are joined until one is left. Equal weights: bytes come first, in
 * their order, then inner nodes in theirs. The lighter of the two is branch 1. Inner nodes are
 * numbered from the root, 1, in breadth. No byte weighs less than 1/5376 of all, so no code is
 * longer than 19 bits (a code of n bits needs a ratio of Fibonacci's number n).
 *
 * Huffman, "A method for the construction of minimum-redundancy codes" (1952).
 */
#ifndef UC_MIX_TREES_H
#define UC_MIX_TREES_H

#include "lz_memory.h"

#define MIX_TREES 257
#define MIX_FLAT 256
#define MIX_LEAF 256 /* a child is an inner node, or MIX_LEAF + byte */

typedef struct {
    uint16_t child[256][2];
    uint32_t code[256]; /* first decision lowest, << 5, + number of decisions */
} mix_tree;

typedef struct {
    uint64_t weight[511];
    uint16_t child[511][2];
    uint8_t order[256];
} mix_heap;

static inline void mix_sort_bytes(mix_heap *h)
{
    int k, j;
    for (k = 0; k < 256; k++) {
        for (j = k; j > 0 && h->weight[h->order[j - 1]] > h->weight[k]; j--) {
            h->order[j] = h->order[j - 1];
        }
        h->order[j] = (uint8_t)k;
    }
}

/* Leaves by weight in one queue, inner nodes as they are made in another: the least is in front. */
static inline void mix_join(mix_heap *h)
{
    int leaf = 0, inner = 256, made, side;
    mix_sort_bytes(h);
    for (made = 256; made < 511; made++) {
        h->weight[made] = 0;
        for (side = 1; side >= 0; side--) {
            int pick;
            if (leaf < 256 && (inner == made || h->weight[h->order[leaf]] <= h->weight[inner])) {
                pick = h->order[leaf++];
            } else {
                pick = inner++;
            }
            h->child[made][side] = (uint16_t)pick;
            h->weight[made] += h->weight[pick];
        }
    }
}

static inline void mix_number(mix_tree *tree, const mix_heap *h)
{
    uint16_t node[256];
    uint32_t code[256];
    int at, next = 2, side;
    node[1] = 510;
    code[1] = 0;
    for (at = 1; at < 256; at++) {
        uint32_t depth = code[at] & 31, bits = code[at] >> 5;
        for (side = 0; side < 2; side++) {
            uint16_t child = h->child[node[at]][side];
            uint32_t longer = (bits | (uint32_t)side << depth) << 5 | (depth + 1);
            if (child < 256) {
                tree->child[at][side] = (uint16_t)(MIX_LEAF + child);
                tree->code[child] = longer;
            } else {
                tree->child[at][side] = (uint16_t)next;
                node[next] = child;
                code[next++] = longer;
            }
        }
    }
    tree->child[0][0] = tree->child[0][1] = MIX_LEAF;
}

/* `pairs`: room for the counts of 257 x 256 pairs; all trees, the flat one included. */
static inline void mix_trees_init(mix_tree *trees, uint32_t *pairs, const uint8_t *dictionary, uint32_t size)
{
    uint32_t *single = pairs + 65536, k, before = 0;
    memset(pairs, 0, sizeof(uint32_t) * 257 * 256);
    for (k = 0; k < size; k++) {
        pairs[before << 8 | dictionary[k]]++;
        single[dictionary[k]]++;
        before = dictionary[k];
    }
    for (before = 0; before < MIX_TREES; before++) {
        const uint32_t *row = pairs + (before << 8);
        mix_heap h;
        uint64_t all = 0;
        for (k = 0; k < 256; k++) {
            all += row[k];
        }
        for (k = 0; k < 256; k++) {
            uint64_t alone = ((uint64_t)single[k] + 1) * 4096 / (size / 64 + 1);
            h.weight[k] = before == MIX_FLAT ? 1 : (uint64_t)row[k] * 4096 + alone + 4 * all + 256;
        }
        mix_join(&h);
        mix_number(trees + before, &h);
    }
}

#endif
