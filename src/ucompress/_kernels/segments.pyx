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

from ucompress._kernels.hashing cimport dmer_base, dmer_hash, dmer_mix, dmer_power, is_one_run

cdef enum:
    ADDRESS_BITS = 40
    BUCKET = 8
    LANE = 8192         # the most positions of a lane
    LANE_ROOM = 512     # sixteen times what is expected of it, at the closest spacing


cdef struct Found:
    Anchor* anchors
    size_t room
    size_t count
    uint64_t free_from  # the first position that is far enough from the anchor before


cdef void anchor_rule(AnchorRule* rule, size_t d, uint64_t threshold, size_t gap) noexcept nogil:
    """What makes anchors: d-mers of `d` bytes with a raw hash up to `threshold`, `gap` bytes apart."""
    cdef uint64_t power = dmer_power(d)
    cdef size_t value
    rule.d = d
    rule.threshold = threshold
    rule.gap = gap
    for value in range(256):
        # The +1 of the entering byte is folded in: h' = h * BASE + enters - leaving[leaves].
        rule.leaving[value] = power * (value + 1) - 1


cdef inline void _note(Found* found, uint64_t h, uint64_t position, size_t gap) noexcept nogil:
    """An anchor at `position`, unless it is too near to the one before."""
    if position >= found.free_from and found.count < found.room:
        found.anchors[found.count].hash = dmer_mix(h)
        found.anchors[found.count].position = position
        found.count += 1
        found.free_from = position + gap


cdef bint _lanes(
    const AnchorRule* rule, const uint8_t* data, size_t first, size_t lane, uint64_t* hash, Found* found
) noexcept nogil:
    """Four times `lane` positions from `first` on, of which `hash` has the raw hash, and then that behind.

    A step of the rolling hash waits for the multiplication of the step before; four lanes keep
    the multiplier busy. False, and nothing done, where a lane has more than LANE_ROOM.
    """
    cdef Anchor[4][512] kept
    cdef size_t[4] counts = [0, 0, 0, 0]
    cdef const uint8_t* p0 = data + first
    cdef const uint8_t* p1 = p0 + lane
    cdef const uint8_t* p2 = p1 + lane
    cdef const uint8_t* p3 = p2 + lane
    cdef size_t d = rule.d
    cdef const uint64_t* leaving = &rule.leaving[0]
    cdef uint64_t threshold = rule.threshold
    cdef uint64_t base = dmer_base()
    cdef uint64_t h0 = hash[0]
    cdef uint64_t h1 = 0, h2 = 0, h3 = 0
    cdef size_t i
    cdef int k
    if h0 > threshold and is_one_run(p0, 4 * lane + d):
        return True
    for i in range(d):
        h1 = h1 * base + p1[i] + 1
        h2 = h2 * base + p2[i] + 1
        h3 = h3 * base + p3[i] + 1
    for i in range(lane):
        if h0 <= threshold and not _keep(kept[0], counts, 0, h0, first + i):
            return False
        if h1 <= threshold and not _keep(kept[1], counts, 1, h1, first + lane + i):
            return False
        if h2 <= threshold and not _keep(kept[2], counts, 2, h2, first + 2 * lane + i):
            return False
        if h3 <= threshold and not _keep(kept[3], counts, 3, h3, first + 3 * lane + i):
            return False
        h0 = h0 * base + p0[i + d] - leaving[p0[i]]
        h1 = h1 * base + p1[i + d] - leaving[p1[i]]
        h2 = h2 * base + p2[i + d] - leaving[p2[i]]
        h3 = h3 * base + p3[i + d] - leaving[p3[i]]
    hash[0] = h3
    for k in range(4):
        for i in range(counts[k]):
            _note(found, kept[k][i].hash, kept[k][i].position, rule.gap)
    return True


cdef inline bint _keep(Anchor* kept, size_t* counts, int lane, uint64_t h, uint64_t position) noexcept nogil:
    """Keep a candidate of a lane, with its raw hash; False where there is no room."""
    if counts[lane] == LANE_ROOM:
        return False
    kept[counts[lane]].hash = h
    kept[counts[lane]].position = position
    counts[lane] += 1
    return True


cdef size_t find_anchors(
    const AnchorRule* rule, const uint8_t* data, size_t length, Anchor* anchors, size_t room
) noexcept nogil:
    """Anchors of `data` in order of position; at most `room` (length // gap + 1 is enough)."""
    cdef Found found = Found(anchors, room, 0, 0)
    cdef size_t d = rule.d
    cdef size_t p = 0
    cdef size_t count, lane, stop
    cdef uint64_t h
    if length < d or d == 0:
        return 0
    count = length - d + 1
    h = dmer_hash(data, d)
    while p < count:
        # One d-mer is always left, so that no lane reads beyond the data.
        lane = min((count - p - 1) // 4, <size_t>LANE)
        if lane >= d and _lanes(rule, data, p, lane, &h, &found):
            p += 4 * lane
            continue
        stop = p + 4 * lane if lane >= d else count
        while p < stop:
            if h <= rule.threshold:
                _note(&found, h, p, rule.gap)
            if p + 1 < count:
                h = h * dmer_base() + data[p + d] - rule.leaving[data[p]]
            p += 1
    return found.count


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
