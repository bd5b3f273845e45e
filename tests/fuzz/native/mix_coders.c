#include "mix_coders.h"

#include "harness.h"
#include "mix_block.h"

static mix_coder *coder_of(unsigned options, int vector)
{
    static mix_coder coders[3][2][2];
    static mix_primed primed[3][2][2];
    int wanted = options >= 128, level = 7 + (int)(options & 127) % 3;
    mix_coder *coder = &coders[level - 7][wanted][vector];
    mix_primed *known = &primed[level - 7][wanted][vector];
    if (!coder->window) {
        fuzz_bytes past = fuzz_dictionary(wanted);
        uint32_t size = (uint32_t)past.size;
        mix_primed_layout(known, fuzz_state(mix_primed_layout(known, NULL, level, size)), level, size);
        mix_primed_fill(known, past.at, vector && uc_has_avx2());
        mix_coder_layout(coder, fuzz_state(mix_coder_layout(coder, NULL, level, size, ROOM)), level, size, ROOM);
        mix_coder_fill(coder, known);
    }
    return coder;
}

size_t mix_encode(unsigned options, int vector, const uint8_t *data, size_t size, uint8_t *out)
{
    return mix_encode_block(coder_of(options, vector), data, (uint32_t)size, out);
}

int mix_decode(unsigned options, int vector, const uint8_t *payload, size_t length, uint32_t size,
               uint32_t first, uint8_t *out)
{
    return mix_decode_block(coder_of(options, vector), payload, length, size, first, out);
}
