"""Exact counts of many patterns in one pass.

READ ME FIRST
- Each pattern is found by one of its d-mers, its anchor. The scan samples with a threshold under
  which every pattern has a d-mer, so it looks at few d-mers (Wu and Manber's filter, with
  minimisers as in Roberts et al. 2004 in place of suffix blocks). Of a pattern's d-mers under
  the threshold the one that fewest patterns share is the anchor: else a run of blanks would be
  that of hundreds, all to be compared at each blank of the text.

      pattern            [ . . . anchor . . ]
      text     . . . . . [ . . . anchor . . ] . .     hit -> compare all bytes around it

- An occurrence contains its anchor at a fixed offset, so each is met once, and those of one
  pattern are met from left to right. Every occurrence is compared byte by byte: counts are
  exact, whatever collides.
- Where a packed sample of the document is at hand, taken under a threshold that is no lower than that
  of the scan, it tells all places of the anchors: only these are looked at.
- Windows: occurrences that cross into a window are found in `tail`, the last longest - 1 bytes
  before it with as many of its first bytes; all others lie within one window. For one pattern,
  crossing occurrences start after those of the windows before and before those of this one.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort
from libc.string cimport memcmp, memcpy, memset

from ucompress._kernels.lookup cimport lookup_add, lookup_find, lookup_free, lookup_init
from ucompress._kernels.packing cimport PackedRow, Unpacker, packed_number, unpacker_next, unpacker_open
from ucompress._kernels.sampling cimport SAMPLE_SPAN, hash_dmers, keep_last, sample_span, sampler_init


cdef int by_anchor(const void* a, const void* b) noexcept nogil:
    cdef const Pattern* left = <const Pattern*>a
    cdef const Pattern* right = <const Pattern*>b
    if left.anchor != right.anchor:
        return -1 if left.anchor < right.anchor else 1
    return -1 if left.number < right.number else 1


cdef int by_value(const void* a, const void* b) noexcept nogil:
    cdef uint64_t left = (<const uint64_t*>a)[0]
    cdef uint64_t right = (<const uint64_t*>b)[0]
    return (left > right) - (left < right)


cdef uint64_t common_threshold(const Matcher* matcher, size_t length, uint64_t* hashes) noexcept nogil:
    """The lowest threshold under which every pattern has a d-mer."""
    cdef uint64_t threshold = 0
    cdef uint64_t lowest
    cdef size_t i, j
    for i in range(matcher.count):
        hash_dmers(matcher.text + matcher.patterns[i].start, matcher.patterns[i].size, length, hashes)
        lowest = hashes[0]
        for j in range(1, matcher.patterns[i].size - length + 1):
            lowest = min(lowest, hashes[j])
        threshold = max(threshold, lowest)
    return threshold


cdef size_t collect(
    const Matcher* matcher, size_t length, uint64_t threshold, uint64_t* hashes, uint64_t* out
) noexcept nogil:
    """All patterns' hashes under the threshold, to `out` unless it is NULL; how many."""
    cdef size_t found = 0
    cdef size_t i, j
    for i in range(matcher.count):
        hash_dmers(matcher.text + matcher.patterns[i].start, matcher.patterns[i].size, length, hashes)
        for j in range(matcher.patterns[i].size - length + 1):
            if hashes[j] <= threshold:
                if out != NULL:
                    out[found] = hashes[j]
                found += 1
    return found


cdef size_t rank(const uint64_t* sorted_hashes, size_t count, uint64_t hash, bint after) noexcept nogil:
    """How many of the sorted hashes are lower or, with `after`, no higher."""
    cdef size_t low = 0
    cdef size_t high = count
    cdef size_t middle
    while low < high:
        middle = (low + high) // 2
        if sorted_hashes[middle] < hash or (after and sorted_hashes[middle] == hash):
            low = middle + 1
        else:
            high = middle
    return low


cdef void choose_anchor(
    const Matcher* matcher, Pattern* pattern, size_t length, uint64_t threshold, uint64_t* hashes,
    const uint64_t* shared, size_t count
) noexcept nogil:
    """Set the pattern's anchor: of its d-mers under the threshold the least shared, then lowest."""
    cdef size_t fewest = 0
    cdef size_t i, sharing
    hash_dmers(matcher.text + pattern.start, pattern.size, length, hashes)
    for i in range(pattern.size - length + 1):
        if hashes[i] > threshold:
            continue
        sharing = rank(shared, count, hashes[i], True) - rank(shared, count, hashes[i], False)
        if fewest == 0 or sharing < fewest or (sharing == fewest and hashes[i] < pattern.anchor):
            fewest = sharing
            pattern.anchor = hashes[i]
            pattern.anchor_offset = i


cdef int choose_anchors(Matcher* matcher, size_t length, uint64_t* hashes) noexcept nogil:
    """Set all anchors; `hashes` has room for one hash a byte of the longest pattern."""
    cdef uint64_t threshold = common_threshold(matcher, length, hashes)
    cdef size_t count = collect(matcher, length, threshold, hashes, NULL)
    cdef uint64_t* shared = <uint64_t*>malloc((count + 1) * sizeof(uint64_t))
    cdef size_t i
    if shared == NULL:
        return -1
    collect(matcher, length, threshold, hashes, shared)
    qsort(shared, count, sizeof(uint64_t), by_value)
    for i in range(matcher.count):
        choose_anchor(matcher, matcher.patterns + i, length, threshold, hashes, shared, count)
    free(shared)
    return 0


cdef int matcher_init(Matcher* matcher, const uint8_t* text, const size_t* sizes, size_t count,
                      size_t length, uint64_t* scratch) noexcept nogil:
    """Prepare for `count` patterns that stand one behind the other in `text`.

    Each has from `length` to PATTERN_LIMIT bytes; `scratch` has room for one hash a byte of the
    longest. -1 when memory is short (free the matcher all the same).
    """
    cdef size_t total = 0
    cdef size_t i
    memset(matcher, 0, sizeof(Matcher))
    matcher.count = count
    matcher.patterns = <Pattern*>calloc(count + 1, sizeof(Pattern))
    matcher.tallies = <Tally*>calloc(count + 1, sizeof(Tally))
    if matcher.patterns == NULL or matcher.tallies == NULL or lookup_init(&matcher.lookup, count):
        return -1
    for i in range(count):
        matcher.patterns[i].start = total
        matcher.patterns[i].size = sizes[i]
        matcher.patterns[i].number = i
        matcher.longest = max(matcher.longest, sizes[i])
        total += sizes[i]
    matcher.text = <uint8_t*>malloc(total + 1)
    matcher.tail = <uint8_t*>malloc(2 * matcher.longest + 1)
    if matcher.text == NULL or matcher.tail == NULL:
        return -1
    memcpy(matcher.text, text, total)
    if choose_anchors(matcher, length, scratch):
        return -1
    qsort(matcher.patterns, count, sizeof(Pattern), by_anchor)
    for i in range(count):
        # Later patterns with the same anchor are refused here and found by walking on.
        lookup_add(&matcher.lookup, matcher.patterns[i].anchor, <uint32_t>i)
    sampler_init(&matcher.sampler, length, matcher.patterns[count - 1].anchor if count else 0)
    return 0


cdef void matcher_free(Matcher* matcher) noexcept nogil:
    """Give the memory back."""
    lookup_free(&matcher.lookup)
    free(matcher.patterns)
    free(matcher.tallies)
    free(matcher.text)
    free(matcher.tail)


cdef void matcher_begin(Matcher* matcher, uint64_t weight) noexcept nogil:
    """Open a document that counts `weight` times."""
    cdef size_t i
    if matcher.turn == <uint32_t>0xFFFFFFFF:
        for i in range(matcher.count):
            matcher.patterns[i].turn = 0
        matcher.turn = 0
    matcher.turn += 1
    matcher.weight = weight
    matcher.position = 0
    matcher.kept = 0


cdef inline void count_occurrence(Matcher* matcher, Pattern* pattern, uint64_t position) noexcept nogil:
    cdef Tally* tally = matcher.tallies + pattern.number
    tally.frequency += matcher.weight
    if pattern.turn != matcher.turn:
        pattern.turn = matcher.turn
        tally.files += matcher.weight
    elif position < pattern.last_end:
        return
    tally.disjoint += matcher.weight
    pattern.last_end = position + pattern.size


cdef void check_anchor(
    Matcher* matcher, size_t i, uint64_t hash, const uint8_t* data, size_t size, size_t at, uint64_t base,
    size_t seam
) noexcept nogil:
    """Compare all patterns with this anchor, of which `i` is the first, around data[at].

    The occurrence must lie within the buffer and, unless `seam` is 0, across data[seam].
    """
    cdef Pattern* pattern
    cdef size_t start
    while i < matcher.count and matcher.patterns[i].anchor == hash:
        pattern = matcher.patterns + i
        i += 1
        if at < pattern.anchor_offset:
            continue
        start = at - pattern.anchor_offset
        if pattern.size > size - start:
            continue
        if seam and (start >= seam or start + pattern.size <= seam):
            continue
        if memcmp(data + start, matcher.text + pattern.start, pattern.size) == 0:
            count_occurrence(matcher, pattern, base + start)


cdef void scan_part(
    Matcher* matcher, const uint8_t* data, size_t size, uint64_t base, size_t seam, Sample* scratch
) noexcept nogil:
    """Count the occurrences within this buffer, which starts at `base` of the document."""
    cdef size_t done = 0
    cdef size_t total, part, found, i
    cdef uint64_t first
    if size < matcher.sampler.length:
        return
    total = size - matcher.sampler.length + 1
    while done < total:
        part = min(total - done, <size_t>SAMPLE_SPAN)
        found = sample_span(&matcher.sampler, data + done, part, scratch)
        for i in range(found):
            first = lookup_find(&matcher.lookup, scratch[i].hash)
            if first:
                check_anchor(
                    matcher, <size_t>(first - 1), scratch[i].hash, data, size, done + scratch[i].position,
                    base, seam,
                )
        done += part


cdef void matcher_scan(Matcher* matcher, const uint8_t* data, size_t size, Sample* scratch) noexcept nogil:
    """Count in the next window of the open document; `scratch` has room for SAMPLE_SPAN samples."""
    cdef size_t taken
    cdef uint64_t base
    if size == 0 or matcher.count == 0:
        return
    if matcher.kept:
        taken = min(size, matcher.longest - 1)
        memcpy(matcher.tail + matcher.kept, data, taken)
        base = matcher.position - matcher.kept
        scan_part(matcher, matcher.tail, matcher.kept + taken, base, matcher.kept, scratch)
    scan_part(matcher, data, size, matcher.position, 0, scratch)
    matcher.kept = keep_last(matcher.tail, matcher.kept, matcher.longest - 1, data, size)
    matcher.position += size


cdef int tells_all(
    const Matcher* matcher, size_t size, const uint8_t* packed, size_t packed_size
) noexcept nogil:
    """Whether the sample tells every place of the anchors; -1 when it is none of a document of this size."""
    cdef Unpacker unpacker
    cdef PackedRow row
    cdef int more
    if unpacker_open(&unpacker, packed, packed_size):
        return -1
    while True:
        more = unpacker_next(&unpacker, &row)
        if more <= 0:
            return -1 if more else 1
        if row.last >= size or size - row.last < matcher.sampler.length:
            return -1
        if row.times > row.kept and lookup_find(&matcher.lookup, row.hash):
            return 0


cdef int matcher_look(
    Matcher* matcher, const uint8_t* data, size_t size, const uint8_t* packed, size_t packed_size
) noexcept nogil:
    """Count in the open document, all of it, where its packed sample tells of anchors.

    0 and no count when the sample does not tell all places, -1 when it is none of this document; else 1.
    """
    cdef Unpacker unpacker
    cdef PackedRow row
    cdef const uint8_t* at
    cdef uint64_t first, place
    cdef size_t _i
    cdef int told = tells_all(matcher, size, packed, packed_size)
    if told <= 0:
        return told
    unpacker_open(&unpacker, packed, packed_size)
    while unpacker_next(&unpacker, &row) > 0 and row.hash <= matcher.sampler.threshold:
        first = lookup_find(&matcher.lookup, row.hash)
        if first == 0:
            continue
        at = row.places
        place = 0
        for _i in range(row.kept):
            place += packed_number(&at)
            check_anchor(matcher, <size_t>(first - 1), row.hash, data, size, <size_t>place, 0, 0)
    return 1
