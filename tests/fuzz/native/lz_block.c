/* LZ payloads of any bytes, alone and after a reference, whole and in part.
 *
 *   u8 options (1: with the dictionary) | u16 size | u16 first | u16 reference's length | u16 reference's size
 *   | reference | payload
 *
 * Both paths say the same; what is refused leaves the output as it was; the first bytes are those of the whole.
 */
#include "lz_harness.h"

#define ROOM 65535

typedef struct {
    fuzz_bytes past, payload;
    uint32_t past_size, size;
} lz_case;

static lz_coder *coder_of(int wanted, int vector)
{
    static lz_coder coders[2][2];
    static lz_primed primed[2][2];
    lz_coder *coder = &coders[wanted][vector];
    lz_primed *known = &primed[wanted][vector];
    if (!coder->window) {
        fuzz_bytes past = fuzz_dictionary(wanted);
        uint32_t size = (uint32_t)past.size;
        lz_primed_layout(known, fuzz_state(lz_primed_layout(known, NULL, 6, size, 0)), 6, size, 0);
        fuzz_prime(known, past, vector && uc_has_avx2());
        lz_coder_layout(coder, fuzz_state(lz_coder_layout(coder, NULL, size, ROOM, ROOM, 0)), size, ROOM, ROOM, 0);
        lz_coder_fill(coder, known, 0);
        coder->kept = (lz_model *)fuzz_state(lz_model_bytes());
    }
    return coder;
}

static int decode(lz_coder *coder, const lz_case *c, uint32_t first, uint8_t *out)
{
    if (c->past_size) {
        fuzz_teach(coder, c->past.at, c->past.size);
        if (lz_decode_reference(coder, c->past.at, c->past.size, c->past_size) != LZ_DONE) {
            return LZ_DAMAGED;
        }
        lz_keep(coder);
    }
    fuzz_teach(coder, c->payload.at, c->payload.size);
    return lz_decode_into(coder, c->payload.at, c->payload.size, c->past_size, c->size, first, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input input = { data, size };
    int wanted = fuzz_byte(&input) & 1, status, other;
    lz_case c;
    uint32_t first, past_length;
    uint8_t *out, *again, *part;
    c.size = fuzz_short(&input);
    first = fuzz_short(&input) % (c.size + 1);
    past_length = fuzz_short(&input);
    c.past_size = fuzz_short(&input);
    c.past = fuzz_part(&input, past_length);
    c.payload = fuzz_part(&input, input.left);
    out = fuzz_new(c.size);
    again = fuzz_new(c.size);
    part = fuzz_new(first);

    status = decode(coder_of(wanted, 1), &c, c.size, out);
    other = decode(coder_of(wanted, 0), &c, c.size, again);
    CLAIM(status == other && memcmp(out, again, c.size) == 0);
    CLAIM(status == LZ_DONE || fuzz_is_untouched(out, c.size));
    other = decode(coder_of(wanted, 1), &c, first, part);
    CLAIM(status != LZ_DONE || (other == LZ_DONE && memcmp(part, out, first) == 0));
    CLAIM(other == LZ_DONE || fuzz_is_untouched(part, first));

    free(c.past.at);
    free(c.payload.at);
    free(out);
    free(again);
    free(part);
    return 0;
}
