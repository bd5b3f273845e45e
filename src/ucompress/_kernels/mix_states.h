/* Bit histories: what a context has seen, in one byte. The table is made from its rules.
 *
 *   history   (zeros, ones, last bit); `last` counts only where both are seen
 *   bounds    the larger count is at most MIX_MOST[the smaller one]; the smaller one at most 5
 *   order     by total, then zeros, then last: a lower number has seen less
 *   next      one more of the bit; of the other more than two become 1 + log2; then the
 *             larger count (the other bit's, if equal) falls until the bounds hold
 *
 * After the nonstationary states of Mahoney's PAQ6 (2003); the rules and numbers are ours.
 */
#ifndef UC_MIX_STATES_H
#define UC_MIX_STATES_H

#include "lz_memory.h"

#define MIX_COUNTS 45

typedef struct {
    uint8_t next[256][2];
    uint8_t seen[256][2];
    int count;
} mix_states;

static inline int mix_state_allowed(int zeros, int ones)
{
    static const int most[6] = { 44, 14, 9, 7, 6, 5 };
    int less = zeros < ones ? zeros : ones, more = zeros < ones ? ones : zeros;
    return less < 6 && more <= most[less];
}

static inline int mix_state_of(const mix_states *states, int zeros, int ones, int last)
{
    int s;
    for (s = 0; s < states->count; s++) {
        if (states->seen[s][0] == zeros && states->seen[s][1] == ones) {
            return s + (zeros && ones && last);
        }
    }
    return 0;
}

static inline int mix_state_after(const mix_states *states, int state, int bit)
{
    int n[2];
    n[0] = states->seen[state][0];
    n[1] = states->seen[state][1];
    n[bit]++;
    if (n[!bit] > 2) {
        n[!bit] = 1 + (int)uc_log2((uint32_t)n[!bit]);
    }
    while (!mix_state_allowed(n[0], n[1])) {
        n[n[bit] > n[!bit] ? bit : !bit]--;
    }
    return mix_state_of(states, n[0], n[1], bit);
}

static inline void mix_states_init(mix_states *states)
{
    int total, zeros, last, s, bit;
    memset(states, 0, sizeof *states);
    for (total = 0; total < 2 * MIX_COUNTS; total++) {
        for (zeros = 0; zeros <= total; zeros++) {
            int both = zeros && zeros < total;
            for (last = 0; last <= both && mix_state_allowed(zeros, total - zeros); last++) {
                states->seen[states->count][0] = (uint8_t)zeros;
                states->seen[states->count][1] = (uint8_t)(total - zeros);
                states->count++;
            }
        }
    }
    for (s = 0; s < states->count; s++) {
        for (bit = 0; bit < 2; bit++) {
            states->next[s][bit] = (uint8_t)mix_state_after(states, s, bit);
        }
    }
}

#endif
