/* Half a literal: 15 nodes of a tree, each bit mixed from six cells; the weights rest meanwhile.
 *
 *   six slots of 16 cells --stretch--> x weights --squash--> P(1) of every node     guess
 *   four bits are coded by walking the nodes                                        (range coder)
 *   cells on the path learn their bits, weights the sum of error x stretch          learn
 *
 * The walk itself is in lz_guess.h.
 */
#ifndef UC_LZ_NIBBLE_H
#define UC_LZ_NIBBLE_H

#include "lz_mixer.h"

#define LZ_INPUTS 6

typedef int16_t lz_cells[16]; /* node 1 is the root; 0 is unused */

typedef struct {
    int16_t *slot[LZ_INPUTS];
    int16_t *weight;                /* [8] */
    int16_t stretched[LZ_INPUTS][16];
    int16_t p1[16];
} lz_nibble;

/* orders 1, 2, 3; candidates 0, 1; repeat offset */
static const int lz_literal_rates[LZ_INPUTS] = { 4, 3, 4, 5, 5, 5 };

/* By value, then node: the bit on its path as 1 or -1, 0 off the path. */
static const int16_t lz_paths[16][16] = {
    { 0, -1, -1, 0, -1, 0, 0, 0, -1, 0, 0, 0, 0, 0, 0, 0 },
    { 0, -1, -1, 0, -1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0 },
    { 0, -1, -1, 0, 1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0, 0 },
    { 0, -1, -1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0 },
    { 0, -1, 1, 0, 0, -1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0 },
    { 0, -1, 1, 0, 0, -1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0 },
    { 0, -1, 1, 0, 0, 1, 0, 0, 0, 0, 0, -1, 0, 0, 0, 0 },
    { 0, -1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0 },
    { 0, 1, 0, -1, 0, 0, -1, 0, 0, 0, 0, 0, -1, 0, 0, 0 },
    { 0, 1, 0, -1, 0, 0, -1, 0, 0, 0, 0, 0, 1, 0, 0, 0 },
    { 0, 1, 0, -1, 0, 0, 1, 0, 0, 0, 0, 0, 0, -1, 0, 0 },
    { 0, 1, 0, -1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0 },
    { 0, 1, 0, 1, 0, 0, 0, -1, 0, 0, 0, 0, 0, 0, -1, 0 },
    { 0, 1, 0, 1, 0, 0, 0, -1, 0, 0, 0, 0, 0, 0, 1, 0 },
    { 0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, -1 },
    { 0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1 },
};

#endif
