# Zero runs and classes of content. READ ME FIRST.
#
# Both kernels look at few bytes. A run of `minimum` zeros covers a multiple of `minimum`, so
# one byte in `minimum` decides where to look closer. A class comes from at most sixteen
# pieces of 4 KiB, evenly spread. Integers only, of a byte order of their own: a class reaches the
# archive's bytes.

from libc.stdint cimport uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

cdef extern from "lz_memory.h" nogil:
    uint32_t uc_load_le32(const uint8_t* p)

cdef enum:
    PIECE = 4096
    PIECES = 16
    TEXT = 0
    BINARY = 1
    DENSE = 2


cdef size_t find_zero_runs(
    const uint8_t* data, size_t length, size_t minimum, int64_t* runs,
) noexcept nogil:
    """Maximal runs of at least `minimum` (>= 1) zeros, as pairs (start, end) in order.

    `runs` has room for length // minimum pairs; returns the number of pairs.
    """
    cdef size_t probe = 0
    cdef size_t settled = 0
    cdef size_t start, end
    cdef size_t count = 0
    cdef uint64_t word
    while probe < length:
        if data[probe] != 0:
            probe += minimum
            continue
        start = probe
        while start > settled and data[start - 1] == 0:
            start -= 1
        end = probe + 1
        while end + 8 <= length:
            memcpy(&word, data + end, 8)
            if word != 0:
                break
            end += 8
        while end < length and data[end] == 0:
            end += 1
        if end - start >= minimum:
            runs[2 * count] = <int64_t>start
            runs[2 * count + 1] = <int64_t>end
            count += 1
        settled = end
        probe += ((end - probe) // minimum + 1) * minimum
    return count


cdef size_t repeated_words(const uint8_t* piece, size_t length) noexcept nogil:
    """Positions of a piece (at most 4 KiB) whose four bytes stood in it before, by a small table."""
    cdef uint16_t[4096] table
    cdef uint32_t word
    cdef size_t p
    cdef size_t count = 0
    cdef size_t slot
    memset(table, 0, sizeof(table))
    if length < 4:
        return 0
    for p in range(length - 3):
        word = uc_load_le32(piece + p)
        slot = (word * <uint32_t>0x9E3779B1) >> 20
        if table[slot] != 0:
            if uc_load_le32(piece + table[slot] - 1) == word:
                count += 1
        table[slot] = <uint16_t>(p + 1)
    return count


cdef int has_packed_magic(const uint8_t* data, size_t length) noexcept nogil:
    """Whether the bytes begin like a file that is compressed inside."""
    if length < 16:
        return 0
    return (
        memcmp(data, b"\x89PNG", 4) == 0
        or memcmp(data, b"\xff\xd8\xff", 3) == 0
        or memcmp(data, b"\x1f\x8b", 2) == 0
        or memcmp(data, b"PK\x03\x04", 4) == 0
        or memcmp(data, b"\xfd7zXZ", 5) == 0
        or memcmp(data, b"\x28\xb5\x2f\xfd", 4) == 0
        or memcmp(data, b"BZh", 3) == 0
        or memcmp(data, b"7z\xbc\xaf", 4) == 0
        or memcmp(data, b"GIF8", 4) == 0
        or memcmp(data, b"wOF2", 4) == 0
        or memcmp(data, b"wOFF", 4) == 0
        or (memcmp(data, b"RIFF", 4) == 0 and memcmp(data + 8, b"WEBP", 4) == 0)
    )


cdef inline size_t piece_start(size_t length, size_t number) noexcept nogil:
    if length > <size_t>PIECE * PIECES:
        return <size_t>((<uint64_t>(length - PIECE)) // (PIECES - 1) * number)
    return number * PIECE


cdef bint repeats_words(const uint8_t* data, size_t length, size_t pieces, uint64_t most) noexcept nogil:
    """Whether more than `most` positions of the pieces repeat a word of their piece."""
    cdef uint64_t repeated = 0
    cdef size_t i, start
    for i in range(pieces):
        start = piece_start(length, i)
        repeated += repeated_words(data + start, min(length - start, <size_t>PIECE))
    return repeated > most


cdef void add_to_histogram(uint32_t[256]* histogram, const uint8_t* data, size_t size) noexcept nogil:
    """Count bytes in four histograms by turns: equal neighbours then do not wait for each other."""
    cdef size_t p = 0
    while p + 4 <= size:
        histogram[0][data[p]] += 1
        histogram[1][data[p + 1]] += 1
        histogram[2][data[p + 2]] += 1
        histogram[3][data[p + 3]] += 1
        p += 4
    while p < size:
        histogram[0][data[p]] += 1
        p += 1


cdef int classify(const uint8_t* data, size_t length) noexcept nogil:
    """0 text, 1 binary, 2 dense: nothing left for an entropy coder, such as PNG or gzip."""
    cdef uint32_t[4][256] histogram
    cdef size_t pieces = PIECES if length > <size_t>PIECE * PIECES else (length + PIECE - 1) // PIECE
    cdef size_t i, start, size
    cdef uint64_t sampled = 0
    cdef uint64_t pairs = 0
    cdef uint64_t control = 0
    cdef uint64_t nul = 0
    cdef uint64_t c, bound
    memset(histogram, 0, sizeof(histogram))
    for i in range(pieces):
        start = piece_start(length, i)
        size = min(length - start, <size_t>PIECE)
        add_to_histogram(histogram, data + start, size)
        sampled += size
    for i in range(256):
        c = <uint64_t>histogram[0][i] + histogram[1][i] + histogram[2][i] + histogram[3][i]
        nul = c if i == 0 else nul
        pairs += c * (c - 1) if c else 0
        # Tab, line feed, form feed, carriage return and escape occur in text.
        if (i < 32 and i != 9 and i != 10 and i != 12 and i != 13 and i != 27) or i == 127:
            control += c
    if nul == 0 and control * 64 <= sampled:
        return TEXT
    # Equal pairs: 1/256 of all pairs when every byte is equally likely. Up to 5/4 of that is
    # dense (Renyi entropy 7.68 bits); 2/1 where the file says that it is packed, for its
    # headers weigh more in a small one. Bytes that are evenly spread but repeat are not dense.
    bound = sampled * (sampled - 1 if sampled else 0)
    if has_packed_magic(data, length):
        bound = bound * 2
    else:
        bound = bound + bound // 4
    if sampled < 256 or pairs * 256 > bound:
        return BINARY
    return BINARY if repeats_words(data, length, pieces, sampled // 32) else DENSE
