/* What the libFuzzer harnesses share: fields of an input, memory of exact sizes, a dictionary, claims.
 *
 *   input    header of little-endian fields | parts of given lengths | the rest
 *
 * A field that the input is too short for is 0, a part is as long as what is left. Parts are copied into
 * allocations of their own, so that AddressSanitizer sees each end. `fuzz/natives.py` writes the same layout.
 */
#ifndef UC_FUZZ_HARNESS_H
#define UC_FUZZ_HARNESS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNTOUCHED 0xA5

#define CLAIM(truth) ((truth) ? (void)0 : fuzz_refute(#truth, __FILE__, __LINE__))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_refute(const char *claim, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, claim);
    abort();
}

typedef struct {
    const uint8_t *at;
    size_t left;
} fuzz_input;

typedef struct {
    uint8_t *at;
    size_t size;
} fuzz_bytes;

static unsigned fuzz_byte(fuzz_input *input)
{
    return input->left ? (input->left--, *input->at++) : 0;
}

static uint32_t fuzz_short(fuzz_input *input)
{
    unsigned low = fuzz_byte(input);
    return low | fuzz_byte(input) << 8;
}

static uint8_t *fuzz_new(size_t size)
{
    uint8_t *at = (uint8_t *)malloc(size ? size : 1);
    CLAIM(at);
    memset(at, UNTOUCHED, size);
    return at;
}

/* On a cache line, as the package's own allocations are. */
static uint8_t *fuzz_state(size_t size)
{
    uint8_t *at = (uint8_t *)aligned_alloc(64, (size + 63) & ~(size_t)63);
    CLAIM(at);
    return at;
}

static fuzz_bytes fuzz_part(fuzz_input *input, size_t size)
{
    fuzz_bytes part;
    part.size = size < input->left ? size : input->left;
    part.at = fuzz_new(part.size);
    memcpy(part.at, input->at, part.size);
    input->at += part.size;
    input->left -= part.size;
    return part;
}

static int fuzz_is_untouched(const uint8_t *at, size_t size)
{
    while (size && at[size - 1] == UNTOUCHED) {
        size--;
    }
    return !size;
}

/* The dictionary of those inputs that ask for one: `natives.DICTIONARY`. */
static fuzz_bytes fuzz_dictionary(int wanted)
{
    static char text[4096];
    fuzz_bytes dictionary = { (uint8_t *)text, 0 };
    unsigned k;
    for (k = 0; wanted && k < 100; k++) {
        dictionary.size += (size_t)sprintf(text + dictionary.size, "key_%u = value(%u)\n", k, k * k);
    }
    return dictionary;
}

#endif
