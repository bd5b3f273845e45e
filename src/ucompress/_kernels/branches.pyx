"""The x86-64 branch filter: displacements that count from the next instruction become targets.

READ ME FIRST
- Code calls one function, and reads one variable, from many places: each time with another
  displacement, but with one target. The idea is that of the x86 filters before LZ coders (xz's BCJ, LZX);
  this one also takes what x86-64 addresses relative to RIP, which there is as much of as of calls.
- Where an operand stands is told by the bytes before it alone, back to the end of the operand before.
  These are the same before and after, so forward and inverse find the same operands, in any bytes.
- An operand in [-2^24, 2^24) is moved by its position within that ring of 2^25 values, others stay:
  a bijection, so every input has exactly one image and exactly one origin.
- An operand has 4 bytes, all below `size`: nothing else is ever read ahead or written.
- Positions count from the first byte of the block. Instructions that end with an immediate have
  another base by 1 or 4 bytes; that costs nothing measurable, and so is not told apart.
"""

from libc.string cimport memset

cdef enum:
    OPERAND = 4             # bytes
    HALF = 1 << 24          # operands from -HALF to HALF - 1 are moved
    RING = (1 << 25) - 1
    CALL = 0xE8
    SAMPLES = 16            # stretches of a block that are looked at for code
    SAMPLE = 4096           # bytes of each
    CODE_FROM = 1024        # bytes of code have an operand at least: about every 40th, in programs

cdef uint64_t MIX = 0x9E3779B97F4A7C15


cdef inline bint _is_common(uint8_t opcode) noexcept nogil:
    """One-byte opcodes that often address memory relative to RIP: mov, lea, add, sub, cmp, movsxd."""
    return (
        opcode == 0x03 or opcode == 0x2B or opcode == 0x39 or opcode == 0x3B
        or opcode == 0x63 or opcode == 0x80 or opcode == 0x83 or opcode == 0x89
        or opcode == 0x8B or opcode == 0x8D or opcode == 0xC6 or opcode == 0xC7
    )


cdef inline bint _is_addressing(const uint8_t* data, size_t at, size_t known) noexcept nogil:
    """Whether the bytes from `known` to `at`, the last one a ModRM byte for RIP, end like an instruction."""
    cdef size_t count = at - known
    if count >= 3 and data[at - 3] == 0x0F:
        return data[at - 2] & 0xF0 != 0x80
    if count >= 2 and _is_common(data[at - 2]):
        return True
    if count >= 4 and data[at - 4] == 0x0F and (data[at - 3] == 0x38 or data[at - 3] == 0x3A):
        return True
    return (count >= 4 and data[at - 4] == 0xC5) or (count >= 5 and data[at - 5] == 0xC4)


cdef inline size_t _next_operand(const uint8_t* data, size_t size, size_t known) noexcept nogil:
    """The first operand after `known`, where the one before ends; `size` where there is none."""
    cdef size_t at = known + 1
    cdef uint8_t last
    while at + OPERAND <= size:
        last = data[at - 1]
        if last == CALL or ((last & 0xC7) == 0x05 and _is_addressing(data, at, known)):
            return at
        at += 1
    return size


cdef inline uint32_t _load(const uint8_t* at) noexcept nogil:
    return at[0] | <uint32_t>at[1] << 8 | <uint32_t>at[2] << 16 | <uint32_t>at[3] << 24


cdef inline void _store(uint8_t* at, uint32_t value) noexcept nogil:
    at[0] = <uint8_t>value
    at[1] = <uint8_t>(value >> 8)
    at[2] = <uint8_t>(value >> 16)
    at[3] = <uint8_t>(value >> 24)


cdef void targets_from_displacements(uint8_t* data, size_t size) noexcept nogil:
    """Filter a block."""
    cdef size_t at = _next_operand(data, size, 0)
    cdef uint32_t value
    while at < size:
        value = _load(data + at) + HALF
        if value <= RING:
            _store(data + at, ((value + <uint32_t>at) & RING) - HALF)
        at = _next_operand(data, size, at + OPERAND)


cdef void displacements_from_targets(uint8_t* data, size_t size) noexcept nogil:
    """The inverse; of any bytes, whether a filter made them or not."""
    cdef size_t at = _next_operand(data, size, 0)
    cdef uint32_t value
    while at < size:
        value = _load(data + at) + HALF
        if value <= RING:
            _store(data + at, ((value - <uint32_t>at) & RING) - HALF)
        at = _next_operand(data, size, at + OPERAND)


cdef size_t _count_moved(const uint8_t* data, size_t size) noexcept nogil:
    """Operands that the filter would move."""
    cdef size_t moved = 0
    cdef size_t at = _next_operand(data, size, 0)
    while at < size:
        moved += _load(data + at) + HALF <= RING
        at = _next_operand(data, size, at + OPERAND)
    return moved


cdef bint may_hold_code(const uint8_t* data, size_t size) noexcept nogil:
    """Whether stretches here and there have as many operands as if a good part were code."""
    cdef size_t moved = 0
    cdef size_t i
    if size <= SAMPLES * SAMPLE:
        return _count_moved(data, size) * CODE_FROM >= size
    for i in range(SAMPLES):
        moved += _count_moved(data + (size - SAMPLE) // (SAMPLES - 1) * i, SAMPLE)
    return moved * CODE_FROM >= SAMPLES * SAMPLE


cdef inline uint32_t _operand_hash(const uint8_t* data, size_t at, uint32_t value) noexcept nogil:
    """Of a displacement and the bytes of the instruction before it; never 0."""
    cdef uint32_t before = _load(data + at - OPERAND) if at >= OPERAND else data[at - 1]
    return <uint32_t>((((<uint64_t>value << 32) | before) * MIX) >> 32) | 1


cdef void note_operands(const uint8_t* dictionary, size_t size, uint32_t* past) noexcept nogil:
    """Put a dictionary's operands into `past`, 2^RELATIVE_BITS slots."""
    cdef size_t at = _next_operand(dictionary, size, 0)
    cdef uint32_t hash
    memset(past, 0, sizeof(uint32_t) << RELATIVE_BITS)
    while at < size:
        hash = _operand_hash(dictionary, at, _load(dictionary + at))
        past[hash >> (32 - RELATIVE_BITS)] = hash
        at = _next_operand(dictionary, size, at + OPERAND)


cdef BranchRepeats count_repeats(
    const uint8_t* data, size_t size, const uint32_t* past, uint32_t* operands, uint32_t* targets
) noexcept nogil:
    """How the operands of a block repeat.

    `past` is that of the dictionary; `operands` and `targets` have 2^TARGET_BITS slots each. A slot
    keeps what came last: these are estimates.
    """
    cdef BranchRepeats repeats
    cdef size_t at = _next_operand(data, size, 0)
    cdef uint32_t value, hash, target
    cdef bint known
    repeats.relative = repeats.absolute = 0
    memset(operands, 0, sizeof(uint32_t) << TARGET_BITS)
    memset(targets, 0, sizeof(uint32_t) << TARGET_BITS)
    while at < size:
        value = _load(data + at)
        if value + HALF <= RING:
            hash = _operand_hash(data, at, value)
            target = <uint32_t>(((value + <uint32_t>at) * MIX) >> 32) | 1
            known = (
                past[hash >> (32 - RELATIVE_BITS)] == hash
                or operands[hash >> (32 - TARGET_BITS)] == hash
            )
            repeats.relative += known
            repeats.absolute += not known and targets[target >> (32 - TARGET_BITS)] == target
            operands[hash >> (32 - TARGET_BITS)] = hash
            targets[target >> (32 - TARGET_BITS)] = target
        at = _next_operand(data, size, at + OPERAND)
    return repeats
