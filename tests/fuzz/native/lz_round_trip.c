/* Blocks of any bytes at levels 4 to 6, after a dictionary and a reference of any bytes: coded, and decoded.
 *
 *   u8 options (level - 4, + 64 with the dictionary, + 128 with one of its own) | u16 dictionary's length | u16 reference's length
 *   | u16 first | dictionary | reference | block
 *
 * Both paths code to the same bytes, at most the block and one more; these decode to the block, and to its
 * first bytes.
 */
#include "lz_harness.h"

#include "lz_encode.h"

#define ROOM 4096

typedef struct {
    lz_coder coder;
    uint8_t *memory, *kept;
} lz_side;

typedef struct {
    lz_primed primed;
    uint8_t *memory;
    lz_side encoder, decoder;
} lz_pair;

static void side_fill(lz_side *side, const lz_primed *primed, uint32_t block, uint32_t reference, int encode)
{
    lz_coder *coder = &side->coder;
    size_t size = lz_coder_layout(coder, NULL, primed->size, block, reference, encode);
    side->memory = fuzz_state(size);
    lz_coder_layout(coder, side->memory, primed->size, block, reference, encode);
    lz_coder_fill(coder, primed, encode);
    side->kept = fuzz_state(lz_model_bytes());
    coder->kept = (lz_model *)side->kept;
}

static void pair_fill(lz_pair *pair, int level, fuzz_bytes dictionary, uint32_t block, uint32_t reference,
                      int vector)
{
    uint32_t size = (uint32_t)dictionary.size;
    pair->memory = fuzz_state(lz_primed_layout(&pair->primed, NULL, level, size, 1));
    lz_primed_layout(&pair->primed, pair->memory, level, size, 1);
    fuzz_prime(&pair->primed, dictionary, vector);
    side_fill(&pair->encoder, &pair->primed, block, reference, 1);
    side_fill(&pair->decoder, &pair->primed, block, reference, 0);
}

static void pair_free(lz_pair *pair)
{
    free(pair->memory);
    free(pair->encoder.memory);
    free(pair->encoder.kept);
    free(pair->decoder.memory);
    free(pair->decoder.kept);
}

static void refer(lz_side *side, const uint8_t *payload, size_t length, uint32_t size)
{
    fuzz_teach(&side->coder, payload, length);
    CLAIM(lz_decode_reference(&side->coder, payload, length, size) == LZ_DONE);
    lz_keep(&side->coder);
}

/* Codes and decodes by one path; the payload's size, and the payload in `coded`. */
static size_t make_trip(lz_pair *pair, fuzz_bytes past, fuzz_bytes block, uint32_t first, uint8_t *coded)
{
    uint8_t *coded_past = fuzz_new(past.size + 1), *out = fuzz_new(block.size), *part = fuzz_new(first);
    size_t length = lz_encode_block(&pair->encoder.coder, past.at, (uint32_t)past.size, 0, coded_past);
    uint32_t reference = length && coded_past[0] != LZ_BLOCK_STORED ? (uint32_t)past.size : 0;
    uint32_t size = (uint32_t)block.size;
    CLAIM(length <= past.size + 1);
    if (reference) {
        refer(&pair->encoder, coded_past, length, reference);
        refer(&pair->decoder, coded_past, length, reference);
    }
    length = lz_encode_block(&pair->encoder.coder, block.at, size, reference, coded);
    CLAIM(length <= block.size + 1);
    if (!length || coded[0] == LZ_BLOCK_STORED) {
        reference = 0;
    }
    fuzz_teach(&pair->decoder.coder, coded, length);
    CLAIM(lz_decode_into(&pair->decoder.coder, coded, length, reference, size, size, out) == LZ_DONE);
    CLAIM(memcmp(out, block.at, size) == 0);
    CLAIM(lz_decode_into(&pair->decoder.coder, coded, length, reference, size, first, part) == LZ_DONE);
    CLAIM(memcmp(part, block.at, first) == 0);
    free(coded_past);
    free(out);
    free(part);
    return length;
}

/* Made once for each level, with the dictionary or none, and by each path: making them takes most of the time. */
static lz_pair *pair_of(int level, int wanted, int vector)
{
    static lz_pair pairs[3][2][2];
    lz_pair *pair = &pairs[level - 4][wanted][vector];
    if (!pair->memory) {
        pair_fill(pair, level, fuzz_dictionary(wanted), ROOM, ROOM, vector && uc_has_avx2());
    }
    return pair;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input input = { data, size };
    unsigned options = fuzz_byte(&input);
    int level = 4 + (int)(options & 63) % 3, is_own = options >= 128, vector;
    uint32_t dictionary_length = fuzz_short(&input), past_length = fuzz_short(&input), first = fuzz_short(&input);
    fuzz_bytes dictionary = fuzz_part(&input, is_own ? dictionary_length : 0);
    fuzz_bytes past = fuzz_part(&input, past_length < ROOM ? past_length : ROOM);
    fuzz_bytes block = fuzz_part(&input, input.left < ROOM ? input.left : ROOM);
    uint32_t most = (uint32_t)(block.size > past.size ? block.size : past.size); /* both are coded */
    uint8_t *coded[2];
    size_t length[2];
    for (vector = 0; vector < 2; vector++) {
        lz_pair own, *pair = is_own ? &own : pair_of(level, options >> 6 & 1, vector);
        if (is_own) {
            pair_fill(&own, level, dictionary, most, (uint32_t)past.size, vector && uc_has_avx2());
        }
        coded[vector] = fuzz_new(block.size + 1);
        length[vector] = make_trip(pair, past, block, first % ((uint32_t)block.size + 1), coded[vector]);
        if (is_own) {
            pair_free(&own);
        }
    }
    CLAIM(length[0] == length[1] && memcmp(coded[0], coded[1], length[0]) == 0);
    free(coded[0]);
    free(coded[1]);
    free(dictionary.at);
    free(past.at);
    free(block.at);
    return 0;
}
