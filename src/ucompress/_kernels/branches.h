/* The x86-64 branch filter: displacements that count from the next instruction become targets.
 *
 * - Code calls one function, and reads one variable, from many places: each time with another
 *   displacement, but with one target. The idea is that of the x86 filters before LZ coders (xz's BCJ, LZX);
 *   this one also takes what x86-64 addresses relative to RIP, which there is as much of as of calls.
 * - Where an operand stands is told by the bytes before it alone, back to the end of the operand before.
 *   These are the same before and after, so forward and inverse find the same operands, in any bytes.
 * - An operand in [-2^24, 2^24) is moved by its position within that ring of 2^25 values, others stay:
 *   a bijection, so every input has exactly one image and exactly one origin.
 * - An operand has 4 bytes, all below `size`: nothing else is ever read ahead or written.
 * - Positions count from the first byte of the block. Instructions that end with an immediate have
 *   another base by 1 or 4 bytes; that costs nothing measurable, and so is not told apart.
 */
#ifndef UC_BRANCHES_H
#define UC_BRANCHES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    UC_BRANCH_OPERAND = 4,         /* bytes */
    UC_BRANCH_CALL = 0xE8,
    UC_BRANCH_SAMPLES = 16,        /* stretches of a block that are looked at for code */
    UC_BRANCH_SAMPLE = 4096,       /* bytes of each */
    UC_BRANCH_CODE_FROM = 1024,    /* bytes of code have an operand at least: about every 40th, in programs */
    UC_BRANCH_RELATIVE_BITS = 18,  /* log2 of the slots for the relative operands of a dictionary */
    UC_BRANCH_TARGET_BITS = 16     /* the same for those of a block, and for its targets */
};

#define UC_BRANCH_HALF ((uint32_t)1 << 24) /* operands from -HALF to HALF - 1 are moved */
#define UC_BRANCH_RING (((uint32_t)1 << 25) - 1)
#define UC_BRANCH_MIX UINT64_C(0x9E3779B97F4A7C15)

typedef struct {
    size_t relative; /* operands that stood with the same bytes before, in the block or the dictionary */
    size_t absolute; /* others, whose target another operand of the block had before */
} uc_branch_repeats;

/* One-byte opcodes that often address memory relative to RIP: mov, lea, add, sub, cmp, movsxd. */
static inline int uc_branch_is_common(uint8_t opcode)
{
    return opcode == 0x03 || opcode == 0x2B || opcode == 0x39 || opcode == 0x3B || opcode == 0x63
        || opcode == 0x80 || opcode == 0x83 || opcode == 0x89 || opcode == 0x8B || opcode == 0x8D
        || opcode == 0xC6 || opcode == 0xC7;
}

/* Whether the bytes from `known` to `at`, the last one a ModRM byte for RIP, end like an instruction. */
static inline int uc_branch_is_addressing(const uint8_t *data, size_t at, size_t known)
{
    size_t count = at - known;
    if (count >= 3 && data[at - 3] == 0x0F) {
        return (data[at - 2] & 0xF0) != 0x80;
    }
    if (count >= 2 && uc_branch_is_common(data[at - 2])) {
        return 1;
    }
    if (count >= 4 && data[at - 4] == 0x0F && (data[at - 3] == 0x38 || data[at - 3] == 0x3A)) {
        return 1;
    }
    return (count >= 4 && data[at - 4] == 0xC5) || (count >= 5 && data[at - 5] == 0xC4);
}

/* The first operand after `known`, where the one before ends; `size` where there is none. */
static inline size_t uc_branch_next(const uint8_t *data, size_t size, size_t known)
{
    size_t at;
    for (at = known + 1; at + UC_BRANCH_OPERAND <= size; at++) {
        uint8_t last = data[at - 1];
        if (last == UC_BRANCH_CALL || ((last & 0xC7) == 0x05 && uc_branch_is_addressing(data, at, known))) {
            return at;
        }
    }
    return size;
}

static inline uint32_t uc_branch_load(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline void uc_branch_store(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
    at[2] = (uint8_t)(value >> 16);
    at[3] = (uint8_t)(value >> 24);
}

/* Filter a block. */
static void uc_targets_from_displacements(uint8_t *data, size_t size)
{
    size_t at = uc_branch_next(data, size, 0);
    while (at < size) {
        uint32_t value = uc_branch_load(data + at) + UC_BRANCH_HALF;
        if (value <= UC_BRANCH_RING) {
            uc_branch_store(data + at, ((value + (uint32_t)at) & UC_BRANCH_RING) - UC_BRANCH_HALF);
        }
        at = uc_branch_next(data, size, at + UC_BRANCH_OPERAND);
    }
}

/* The inverse; of any bytes, whether a filter made them or not. */
static void uc_displacements_from_targets(uint8_t *data, size_t size)
{
    size_t at = uc_branch_next(data, size, 0);
    while (at < size) {
        uint32_t value = uc_branch_load(data + at) + UC_BRANCH_HALF;
        if (value <= UC_BRANCH_RING) {
            uc_branch_store(data + at, ((value - (uint32_t)at) & UC_BRANCH_RING) - UC_BRANCH_HALF);
        }
        at = uc_branch_next(data, size, at + UC_BRANCH_OPERAND);
    }
}

/* Operands that the filter would move. */
static size_t uc_branch_count_moved(const uint8_t *data, size_t size)
{
    size_t moved = 0, at = uc_branch_next(data, size, 0);
    while (at < size) {
        moved += uc_branch_load(data + at) + UC_BRANCH_HALF <= UC_BRANCH_RING;
        at = uc_branch_next(data, size, at + UC_BRANCH_OPERAND);
    }
    return moved;
}

/* Whether stretches here and there have as many operands as if a good part were code. */
static int uc_may_hold_code(const uint8_t *data, size_t size)
{
    size_t moved = 0, i;
    if (size <= UC_BRANCH_SAMPLES * UC_BRANCH_SAMPLE) {
        return uc_branch_count_moved(data, size) * UC_BRANCH_CODE_FROM >= size;
    }
    for (i = 0; i < UC_BRANCH_SAMPLES; i++) {
        const uint8_t *stretch = data + (size - UC_BRANCH_SAMPLE) / (UC_BRANCH_SAMPLES - 1) * i;
        moved += uc_branch_count_moved(stretch, UC_BRANCH_SAMPLE);
    }
    return moved * UC_BRANCH_CODE_FROM >= UC_BRANCH_SAMPLES * UC_BRANCH_SAMPLE;
}

/* Of a displacement and the bytes of the instruction before it; never 0. */
static inline uint32_t uc_branch_hash(const uint8_t *data, size_t at, uint32_t value)
{
    uint32_t before = at >= UC_BRANCH_OPERAND ? uc_branch_load(data + at - UC_BRANCH_OPERAND) : data[at - 1];
    return (uint32_t)((((uint64_t)value << 32 | before) * UC_BRANCH_MIX) >> 32) | 1;
}

/* Put a dictionary's operands into `past`, 2^RELATIVE_BITS slots. */
static void uc_note_operands(const uint8_t *dictionary, size_t size, uint32_t *past)
{
    size_t at = uc_branch_next(dictionary, size, 0);
    memset(past, 0, sizeof *past << UC_BRANCH_RELATIVE_BITS);
    while (at < size) {
        uint32_t hash = uc_branch_hash(dictionary, at, uc_branch_load(dictionary + at));
        past[hash >> (32 - UC_BRANCH_RELATIVE_BITS)] = hash;
        at = uc_branch_next(dictionary, size, at + UC_BRANCH_OPERAND);
    }
}

/* How the operands of a block repeat.
 *
 * `past` is that of the dictionary; `operands` and `targets` have 2^TARGET_BITS slots each. A slot
 * keeps what came last: these are estimates.
 */
static uc_branch_repeats uc_count_repeats(const uint8_t *data, size_t size, const uint32_t *past,
                                          uint32_t *operands, uint32_t *targets)
{
    const int target_shift = 32 - UC_BRANCH_TARGET_BITS;
    uc_branch_repeats repeats = { 0, 0 };
    size_t at = uc_branch_next(data, size, 0);
    memset(operands, 0, sizeof *operands << UC_BRANCH_TARGET_BITS);
    memset(targets, 0, sizeof *targets << UC_BRANCH_TARGET_BITS);
    while (at < size) {
        uint32_t value = uc_branch_load(data + at);
        if (value + UC_BRANCH_HALF <= UC_BRANCH_RING) {
            uint32_t hash = uc_branch_hash(data, at, value);
            uint32_t target = (uint32_t)(((value + (uint32_t)at) * UC_BRANCH_MIX) >> 32) | 1;
            int known = past[hash >> (32 - UC_BRANCH_RELATIVE_BITS)] == hash
                || operands[hash >> target_shift] == hash;
            repeats.relative += (size_t)known;
            repeats.absolute += !known && targets[target >> target_shift] == target;
            operands[hash >> target_shift] = hash;
            targets[target >> target_shift] = target;
        }
        at = uc_branch_next(data, size, at + UC_BRANCH_OPERAND);
    }
    return repeats;
}

#endif
