/* The bypass: one decision says whether the next byte is the one the match expects.
 *
 *   six probabilities of "yes" --stretch--> x weights --squash--> P      weights by length and kind
 *     by length and misses · length and byte · the last byte and it · the last two and it ·
 *     the word and it · the last three and it
 */
#ifndef UC_MIX_FLAG_H
#define UC_MIX_FLAG_H

#include "coding.h"
#include "mix_context.h"
#include "mix_match.h"

#define MIX_FLAG_WEIGHT_MOST (1 << 20)

static UC_INLINE uint32_t mix_flag_slot(uint32_t v)
{
    return mix_mash(v) >> (32 - MIX_FLAG_BITS);
}

static UC_INLINE unsigned mix_code_miss(const int mode, uc_coding *rc, mix_core *core,
                                        const mix_curves *curves, const mix_match *match,
                                        const mix_text *text, const uint8_t *here, unsigned expected,
                                        unsigned miss)
{
    static const int rates[MIX_FLAG_INPUTS] = { 6, 6, 4, 4, 4, 4 };
    unsigned length = mix_length_class(match->agreed), kind = (match->misses > 0) + 2 * match->is_long;
    uint32_t c1 = here[-1], c2 = here[-2], c3 = here[-3];
    int32_t *weight = core->flag_weight[length + 32 * match->is_long];
    uint16_t *p[MIX_FLAG_INPUTS];
    int32_t x[MIX_FLAG_INPUTS], z = 0, yes, error;
    int k;
    p[0] = &core->flag_length[kind][length];
    p[1] = &core->flag_length_byte[length + 32 * match->is_long][expected];
    p[2] = &core->flag_pair[c1 << 8 | expected];
    p[3] = &core->flag_hash[0][mix_flag_slot(c1 << 16 | expected << 8 | c2)];
    p[4] = &core->flag_hash[1][mix_flag_slot((text->word + 1) * 0x9E3779B1u + expected)];
    p[5] = &core->flag_hash[2][mix_flag_slot(c1 << 24 | expected << 16 | c2 << 8 | c3)];
    for (k = 0; k < MIX_FLAG_INPUTS; k++) {
        x[k] = curves->stretch[*p[k] >> 4];
        z += x[k] * weight[k] >> 4;
    }
    yes = curves->squash[mix_within(z >> 12, -2047, 2047) + 2048];
    miss = uc_code_bit(mode, rc, (uint32_t)yes, miss);
    error = (miss ? 0 : 65535) - yes;
    for (k = 0; k < MIX_FLAG_INPUTS; k++) {
        weight[k] = mix_within(weight[k] + ((x[k] * error + 65536) >> 17), -MIX_FLAG_WEIGHT_MOST,
                               MIX_FLAG_WEIGHT_MOST);
        mix_move(p[k], !miss, rates[k]);
    }
    return miss;
}

#endif
