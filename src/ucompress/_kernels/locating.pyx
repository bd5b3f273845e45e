"""Places of candidate d-mers.

READ ME FIRST
- Of each candidate at most `bound` places are kept, those with the lowest `order`:

      order = (rank of the place within its document, mixed number of the document)

  So the first place in each document comes before the second in any, and the documents are a
  sample that is the same for all candidates ("coordinated", Cohen and Kaplan 2007): d-mers of
  one text are known at the same places of that text, far apart in the corpus, and what grows
  from them is the same pattern.
- Which places are lowest does not depend on the order of the documents: locators that are
  merged know what one locator that saw everything would know.
- A place is a place of a hash. Its bytes are compared later (`growing`, `matching`).
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memmove, memset

from ucompress._kernels.hashing cimport dmer_mix
from ucompress._kernels.lookup cimport lookup_add, lookup_find, lookup_free, lookup_init
from ucompress._kernels.packing cimport PackedRow, Unpacker, packed_number, unpacker_next, unpacker_open
from ucompress._kernels.sampling cimport SAMPLE_SPAN, sample_span, sampler_join, sampler_keep


cdef int locator_init(Locator* locator, const uint64_t* hashes, size_t count, size_t bound) noexcept nogil:
    """Prepare for these hashes; -1 when memory is short, 1 when a hash stands there twice."""
    cdef size_t i
    memset(locator, 0, sizeof(Locator))
    locator.candidates = count
    locator.bound = bound
    locator.places = <Place*>calloc(count * bound + 1, sizeof(Place))
    locator.filled = <uint32_t*>calloc(count + 1, sizeof(uint32_t))
    locator.ranks = <uint32_t*>calloc(count + 1, sizeof(uint32_t))
    locator.turns = <uint32_t*>calloc(count + 1, sizeof(uint32_t))
    if lookup_init(&locator.lookup, count) or locator.places == NULL:
        return -1
    if locator.filled == NULL or locator.ranks == NULL or locator.turns == NULL:
        return -1
    for i in range(count):
        locator.threshold = max(locator.threshold, hashes[i])
        if lookup_add(&locator.lookup, hashes[i], <uint32_t>i):
            return 1
    return 0


cdef void locator_free(Locator* locator) noexcept nogil:
    """Give the memory back."""
    lookup_free(&locator.lookup)
    free(locator.places)
    free(locator.filled)
    free(locator.ranks)
    free(locator.turns)


cdef void locator_forget(Locator* locator) noexcept nogil:
    """Forget all places; the candidates stay."""
    memset(locator.filled, 0, locator.candidates * sizeof(uint32_t))


cdef void locator_begin(Locator* locator) noexcept nogil:
    """From here on places are in another document."""
    if locator.turn == <uint32_t>0xFFFFFFFF:
        memset(locator.turns, 0, locator.candidates * sizeof(uint32_t))
        locator.turn = 0
    locator.turn += 1


cdef inline bint comes_before(const Place* a, const Place* b) noexcept nogil:
    if a.order != b.order:
        return a.order < b.order
    if a.document != b.document:
        return a.document < b.document
    return a.offset < b.offset


cdef void keep_place(Locator* locator, const Place* place) noexcept nogil:
    """Keep a place if it is among the lowest of its candidate."""
    cdef Place* kept = locator.places + place.candidate * locator.bound
    cdef size_t filled = locator.filled[place.candidate]
    cdef size_t at = filled
    if filled == locator.bound and not comes_before(place, kept + filled - 1):
        return
    while at > 0 and comes_before(place, kept + at - 1):
        at -= 1
    if filled == locator.bound:
        filled -= 1
    memmove(kept + at + 1, kept + at, (filled - at) * sizeof(Place))
    kept[at] = place[0]
    locator.filled[place.candidate] = <uint32_t>(filled + 1)


cdef void add_samples(
    Locator* locator, const Sample* samples, size_t count, uint64_t base, uint32_t document
) noexcept nogil:
    """Keep what the samples of one document, whose positions start at `base`, tell of candidates."""
    cdef uint64_t mixed = dmer_mix(<uint64_t>document + 1) >> 8
    cdef uint64_t found, rank
    cdef Place place
    cdef size_t i, candidate
    place.document = document
    for i in range(count):
        found = lookup_find(&locator.lookup, samples[i].hash)
        if found == 0:
            continue
        candidate = <size_t>(found - 1)
        if locator.turns[candidate] != locator.turn:
            locator.turns[candidate] = locator.turn
            locator.ranks[candidate] = 0
        rank = locator.ranks[candidate]
        if rank < 255:
            locator.ranks[candidate] += 1
        place.order = rank << 56 | mixed
        place.offset = base + samples[i].position
        place.candidate = <uint32_t>candidate
        keep_place(locator, &place)


cdef void scan_part(
    Locator* locator, const Sampler* sampler, const uint8_t* data, size_t count, uint64_t base,
    uint32_t document, Sample* scratch
) noexcept nogil:
    """Look at the `count` d-mers that start in data[0 .. count)."""
    cdef size_t done = 0
    cdef size_t part, found
    while done < count:
        part = min(count - done, <size_t>SAMPLE_SPAN)
        found = sample_span(sampler, data + done, part, scratch)
        add_samples(locator, scratch, found, base + done, document)
        done += part


cdef void locator_scan(
    Locator* locator, Sampler* sampler, const uint8_t* data, size_t size, uint32_t document, Sample* scratch
) noexcept nogil:
    """Look at the next window of the open document; `scratch` has room for SAMPLE_SPAN samples."""
    cdef size_t crossing
    if size == 0 or locator.candidates == 0:
        return
    crossing = sampler_join(sampler, data, size)
    scan_part(locator, sampler, sampler.tail, crossing, sampler.position - sampler.kept, document, scratch)
    if size >= sampler.length:
        scan_part(
            locator, sampler, data, size - sampler.length + 1, sampler.position, document, scratch
        )
    sampler_keep(sampler, data, size)


cdef int locator_add_packed(
    Locator* locator, const uint8_t* data, size_t size, uint32_t document
) noexcept nogil:
    """Keep the places that a document's packed sample tells; 1 when it is no sample."""
    cdef Unpacker unpacker
    cdef PackedRow row
    cdef Sample sample
    cdef const uint8_t* at
    cdef int more
    cdef size_t _i
    if unpacker_open(&unpacker, data, size):
        return 1
    locator_begin(locator)
    while True:
        more = unpacker_next(&unpacker, &row)
        if more <= 0:
            return -more
        if row.hash > locator.threshold or lookup_find(&locator.lookup, row.hash) == 0:
            continue
        sample.hash = row.hash
        sample.position = 0
        at = row.places
        for _i in range(min(<size_t>row.kept, locator.bound)):
            sample.position += packed_number(&at)
            add_samples(locator, &sample, 1, 0, document)


cdef int locator_merge(Locator* locator, const Place* places, size_t count) noexcept nogil:
    """Add places that another locator of the same candidates kept; 1 when a number is too high."""
    cdef size_t i
    for i in range(count):
        if places[i].candidate >= locator.candidates:
            return 1
    for i in range(count):
        keep_place(locator, places + i)
    return 0


cdef size_t locator_size(const Locator* locator) noexcept nogil:
    """Places known."""
    cdef size_t total = 0
    cdef size_t i
    for i in range(locator.candidates):
        total += locator.filled[i]
    return total


cdef void locator_places(const Locator* locator, Place* out) noexcept nogil:
    """The places, by candidate, then lowest first."""
    cdef size_t i
    for i in range(locator.candidates):
        memcpy(out, locator.places + i * locator.bound, locator.filled[i] * sizeof(Place))
        out += locator.filled[i]
