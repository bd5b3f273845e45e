"""Exact counts of many patterns in one pass.

READ ME FIRST
- Each pattern is found by one of its d-mers, its anchor: the one with the lowest hash, so the
  scan samples with the highest anchor hash as threshold and looks at few d-mers (Wu and
  Manber's filter, with minimisers as in Roberts et al. 2004 in place of suffix blocks).

      pattern            [ . . . anchor . . ]
      text     . . . . . [ . . . anchor . . ] . .     hit -> compare all bytes around it

- An occurrence contains its anchor at a fixed offset, so each is met once, and those of one
  pattern are met from left to right. Every occurrence is compared byte by byte: counts are
  exact, whatever collides.
- Windows: occurrences that cross into a window are found in `tail`, the last longest - 1 bytes
  before it with as many of its first bytes; all others lie within one window. For one pattern,
  crossing occurrences start after those of the windows before and before those of this one.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort
from libc.string cimport memcmp, memcpy, memmove, memset

from ucompress._kernels.lookup cimport lookup_add, lookup_find, lookup_free, lookup_init
from ucompress._kernels.sampling cimport SAMPLE_SPAN, hash_dmers, sample_span, sampler_init


cdef int by_anchor(const void* a, const void* b) noexcept nogil:
    cdef const Pattern* left = <const Pattern*>a
    cdef const Pattern* right = <const Pattern*>b
    if left.anchor != right.anchor:
        return -1 if left.anchor < right.anchor else 1
    return -1 if left.number < right.number else 1


cdef void find_anchor(Pattern* pattern, const uint8_t* text, size_t length, uint64_t* hashes) noexcept nogil:
    """Set the pattern's anchor; `hashes` has room for one hash a byte."""
    cdef size_t i
    hash_dmers(text + pattern.start, pattern.size, length, hashes)
    pattern.anchor = hashes[0]
    for i in range(1, pattern.size - length + 1):
        if hashes[i] < pattern.anchor:
            pattern.anchor = hashes[i]
            pattern.anchor_offset = i


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
        find_anchor(matcher.patterns + i, text, length, scratch)
        matcher.longest = max(matcher.longest, sizes[i])
        total += sizes[i]
    matcher.text = <uint8_t*>malloc(total + 1)
    matcher.tail = <uint8_t*>malloc(2 * matcher.longest + 1)
    if matcher.text == NULL or matcher.tail == NULL:
        return -1
    memcpy(matcher.text, text, total)
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


cdef void check_hit(
    Matcher* matcher, uint64_t hash, const uint8_t* data, size_t size, size_t at, uint64_t base, size_t seam
) noexcept nogil:
    """Compare all patterns with this anchor around data[at].

    The occurrence must lie within the buffer and, unless `seam` is 0, across data[seam].
    """
    cdef uint64_t found = lookup_find(&matcher.lookup, hash)
    cdef Pattern* pattern
    cdef size_t i, start
    if found == 0:
        return
    i = <size_t>(found - 1)
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
    if size < matcher.sampler.length:
        return
    total = size - matcher.sampler.length + 1
    while done < total:
        part = min(total - done, <size_t>SAMPLE_SPAN)
        found = sample_span(&matcher.sampler, data + done, part, scratch)
        for i in range(found):
            check_hit(matcher, scratch[i].hash, data, size, done + scratch[i].position, base, seam)
        done += part


cdef void keep_tail(Matcher* matcher, const uint8_t* data, size_t size) noexcept nogil:
    """Keep the last longest - 1 bytes of the document for the next window."""
    cdef size_t wanted = matcher.longest - 1
    cdef size_t old
    if size >= wanted:
        memcpy(matcher.tail, data + (size - wanted), wanted)
        matcher.kept = wanted
        return
    old = min(matcher.kept, wanted - size)
    memmove(matcher.tail, matcher.tail + (matcher.kept - old), old)
    memcpy(matcher.tail + old, data, size)
    matcher.kept = old + size


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
    keep_tail(matcher, data, size)
    matcher.position += size
