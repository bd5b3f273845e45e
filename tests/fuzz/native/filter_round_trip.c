/* Blocks of any bytes through each filter, both ways, and past what chooses between them.
 *
 *   u8 stride (0: branches) | u8 options (1: differences, 2: the block again and again, 4: more often) | u16 dictionary's length
 *   | dictionary | block
 *
 * Filtering is undone and undoing is made good again, whatever the bytes: a filter of hostile payloads is the inverse
 * alone. What is counted are operands of the block, which have four bytes each.
 */
#include "harness.h"

#include "branches.h"
#include "planes.h"

#define LONG 20000   /* records are looked for in no shorter blocks */
#define LONGER 70000 /* code is looked for in samples of these */

static fuzz_bytes copy_of(fuzz_bytes block)
{
    fuzz_bytes copy = { fuzz_new(block.size), block.size };
    memcpy(copy.at, block.at, block.size);
    return copy;
}

static fuzz_bytes repeated(fuzz_bytes block, size_t size)
{
    fuzz_bytes longer = { fuzz_new(size), size };
    size_t i;
    for (i = 0; i < size; i++) {
        longer.at[i] = block.at[i % block.size];
    }
    free(block.at);
    return longer;
}

static void check_branches(fuzz_bytes block)
{
    fuzz_bytes there = copy_of(block), back = copy_of(block);
    uc_targets_from_displacements(there.at, there.size);
    uc_displacements_from_targets(there.at, there.size);
    CLAIM(memcmp(there.at, block.at, block.size) == 0);
    uc_displacements_from_targets(back.at, back.size);
    uc_targets_from_displacements(back.at, back.size);
    CLAIM(memcmp(back.at, block.at, block.size) == 0);
    free(there.at);
    free(back.at);
}

static void check_counts(fuzz_bytes dictionary, fuzz_bytes block)
{
    static uint32_t past[1 << UC_BRANCH_RELATIVE_BITS], operands[1 << UC_BRANCH_TARGET_BITS];
    static uint32_t targets[1 << UC_BRANCH_TARGET_BITS];
    uc_branch_repeats repeats;
    uc_note_operands(dictionary.at, dictionary.size, past);
    repeats = uc_count_repeats(block.at, block.size, past, operands, targets);
    CLAIM((repeats.relative + repeats.absolute) * UC_BRANCH_OPERAND <= block.size);
    CLAIM(uc_may_hold_code(block.at, block.size) <= 1);
}

static void check_planes(fuzz_bytes block, size_t stride, int differences)
{
    uint8_t *turned = fuzz_new(block.size), *back = fuzz_new(block.size);
    uc_planes_from_records(block.at, block.size, stride, differences, turned);
    uc_records_from_planes(turned, block.size, stride, differences, back);
    CLAIM(memcmp(back, block.at, block.size) == 0);
    uc_records_from_planes(block.at, block.size, stride, differences, turned);
    uc_planes_from_records(turned, block.size, stride, differences, back);
    CLAIM(memcmp(back, block.at, block.size) == 0);
    CLAIM(uc_likely_stride(block.at, block.size) <= UC_LONGEST_STRIDE);
    free(turned);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input input = { data, size };
    size_t stride = fuzz_byte(&input);
    unsigned options = fuzz_byte(&input);
    uint32_t dictionary_length = fuzz_short(&input);
    fuzz_bytes dictionary = fuzz_part(&input, dictionary_length), block = fuzz_part(&input, input.left);
    if (options & 6 && block.size && block.size < LONG) {
        block = repeated(block, options & 4 ? LONGER : LONG);
    }
    if (stride) {
        check_planes(block, stride, options & 1);
    } else {
        check_branches(block);
        check_counts(dictionary, block);
    }
    free(dictionary.at);
    free(block.at);
    return 0;
}
