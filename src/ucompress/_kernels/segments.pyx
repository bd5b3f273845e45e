# Long copies. READ ME FIRST.
#
# An *anchor* is a position whose d-mer hash falls under a threshold, so the bytes themselves
# choose it and equal stretches carry equal anchors wherever they stand (content-defined
# sampling; Manber, "Finding similar files in a large file system", 1994). A table maps the
# hash of an anchor to the *address* at which it stood last; a hit is only a candidate: the
# caller compares the bytes and extends the copy both ways.
#
#     data      ....a......a....a.......a...
#                   |           |            same hash
#     earlier   ..a.a.......a...a...a
#
# The threshold is taken on the raw polynomial: its high bits depend on all bytes but the
# last, and mixing is left for the few that pass. Anchors closer than `gap` to the one before
# are dropped, so that runs and short periods cannot fill the table.
#
# Invariants: a slot is (tag << 40) | (address + 1); a bucket is one cache line of eight
# slots; what happens depends on the anchors and their order only.

from libc.string cimport memcpy

from ucompress._kernels.hashing cimport dmer_hash, dmer_mix, dmer_power, dmer_roll

cdef enum:
    ADDRESS_BITS = 40
    BUCKET = 8


cdef size_t find_anchors(
    const uint8_t* data, size_t length, size_t d, uint64_t threshold, size_t gap,
    Anchor* anchors, size_t capacity,
) noexcept nogil:
    """Anchors of `data` in order of position; at most `capacity` (length // gap + 1 is enough)."""
    cdef uint64_t power = dmer_power(d)
    cdef uint64_t h
    cdef size_t p = 0
    cdef size_t free_from = 0
    cdef size_t count = 0
    cdef size_t last
    if length < d or d == 0:
        return 0
    last = length - d
    h = dmer_hash(data, d)
    while True:
        if h <= threshold and p >= free_from and count < capacity:
            anchors[count].hash = dmer_mix(h)
            anchors[count].position = p
            count += 1
            free_from = p + gap
        if p == last:
            return count
        h = dmer_roll(h, data[p], data[p + d], power)
        p += 1


cdef size_t trace_anchors(
    SegmentTable* table, const Anchor* anchors, size_t count, uint64_t base, uint64_t first, int64_t* hits,
) noexcept nogil:
    """Look up every anchor, then remember it at address base + position.

    A later content's place replaces an earlier one's (its neighbour is the likelier match);
    places at or above `first`, the first address of the content at hand, stay, so that
    a repeat inside one content is compared with its first place. `hits` receives pairs
    (position, address), at most `count` of them; returns how many.
    """
    cdef uint64_t address_mask = (<uint64_t>1 << ADDRESS_BITS) - 1
    cdef uint64_t tag, known, address
    cdef uint64_t* bucket
    cdef size_t i, chosen
    cdef int j
    cdef size_t found = 0
    for i in range(count):
        tag = anchors[i].hash << ADDRESS_BITS
        address = base + anchors[i].position + 1
        bucket = table.slots + ((anchors[i].hash >> (64 - table.bits)) & ~<uint64_t>(BUCKET - 1))
        chosen = (anchors[i].hash >> 24) & (BUCKET - 1)
        for j in range(BUCKET):
            known = bucket[j]
            if known == 0:
                chosen = j
                break
            if (known & ~address_mask) == tag:
                known = (known & address_mask) - 1
                hits[2 * found] = <int64_t>anchors[i].position
                hits[2 * found + 1] = <int64_t>known
                found += 1
                chosen = BUCKET if known >= first else j
                break
        if chosen < BUCKET and address <= address_mask:
            bucket[chosen] = tag | address
    return found


cdef size_t match_forward(const uint8_t* a, const uint8_t* b, size_t limit) noexcept nogil:
    """How many bytes from a and b on are equal, at most `limit`."""
    cdef size_t n = 0
    cdef uint64_t x, y
    while n + 8 <= limit:
        memcpy(&x, a + n, 8)
        memcpy(&y, b + n, 8)
        if x != y:
            break
        n += 8
    while n < limit and a[n] == b[n]:
        n += 1
    return n


cdef size_t match_backward(const uint8_t* a, const uint8_t* b, size_t limit) noexcept nogil:
    """How many bytes before a and b are equal, at most `limit`."""
    cdef size_t n = 0
    cdef uint64_t x, y
    while n + 8 <= limit:
        memcpy(&x, a - n - 8, 8)
        memcpy(&y, b - n - 8, 8)
        if x != y:
            break
        n += 8
    while n < limit and (a - n - 1)[0] == (b - n - 1)[0]:
        n += 1
    return n
