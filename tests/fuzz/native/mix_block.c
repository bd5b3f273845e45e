/* Mixed payloads of any bytes at levels 7, 8 and 9, whole and in part.
 *
 *   u8 options (level - 7, + 128 with the dictionary) | u16 size | u16 first | payload
 *
 * Both paths say the same; what is refused leaves the output as it was; the first bytes are those of the whole.
 */
#include "harness.h"
#include "mix_coders.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input input = { data, size };
    unsigned options = fuzz_byte(&input);
    uint32_t block = fuzz_short(&input) % (ROOM + 1), first = fuzz_short(&input) % (block + 1);
    fuzz_bytes payload = fuzz_part(&input, input.left);
    uint8_t *out = fuzz_new(block), *again = fuzz_new(block), *part = fuzz_new(first);
    int status, other;

    status = mix_decode(options, 1, payload.at, payload.size, block, block, out);
    other = mix_decode(options, 0, payload.at, payload.size, block, block, again);
    CLAIM(status == other && memcmp(out, again, block) == 0);
    CLAIM(!status || fuzz_is_untouched(out, block));
    other = mix_decode(options, 1, payload.at, payload.size, block, first, part);
    CLAIM(status || (!other && memcmp(part, out, first) == 0));
    CLAIM(!other || fuzz_is_untouched(part, first));

    free(payload.at);
    free(out);
    free(again);
    free(part);
    return 0;
}
