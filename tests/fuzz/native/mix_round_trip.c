/* Blocks of any bytes at levels 7 to 9, coded and decoded.
 *
 *   u8 options (level - 7, + 128 with the dictionary) | u16 first | block
 *
 * Both paths code to the same bytes, at most the block and one more; these decode to the block, and to its
 * first bytes.
 */
#include "harness.h"
#include "mix_coders.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input input = { data, size };
    unsigned options = fuzz_byte(&input);
    uint32_t first = fuzz_short(&input), length;
    fuzz_bytes block = fuzz_part(&input, input.left < ROOM ? input.left : ROOM);
    uint8_t *coded = fuzz_new(block.size + 1), *again = fuzz_new(block.size + 1);
    uint8_t *out = fuzz_new(block.size), *part;
    uint32_t whole = (uint32_t)block.size;
    first %= whole + 1;
    part = fuzz_new(first);

    length = (uint32_t)mix_encode(options, 1, block.at, whole, coded);
    CLAIM(length <= block.size + 1);
    CLAIM(mix_encode(options, 0, block.at, whole, again) == length);
    CLAIM(memcmp(coded, again, length) == 0);
    CLAIM(mix_decode(options, 0, coded, length, whole, whole, out) == 0);
    CLAIM(memcmp(out, block.at, whole) == 0);
    CLAIM(mix_decode(options, 1, coded, length, whole, first, part) == 0);
    CLAIM(memcmp(part, block.at, first) == 0);

    free(block.at);
    free(coded);
    free(again);
    free(out);
    free(part);
    return 0;
}
