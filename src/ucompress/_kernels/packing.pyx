"""Packed samples: the sampled d-mers of one document, where they stand, and how often.

READ ME FIRST
- A packed sample is:

      rows            4 bytes
      hashes          8 bytes each, rising
      for each row    its frequency, then the first KEPT_PLACES of its places: the first one,
                      and of each further one how far it stands from the one before

  Numbers of the rows are varints: seven bits a byte, the lowest first, 128 added where another
  byte follows. All is little endian.
- Samples are gathered in the order of the document, so a stable sort by hash leaves the places
  of a d-mer in order. When the room is used up the sort is done at once, and of a d-mer's places
  those beyond KEPT_PLACES become a number: a file of blanks takes no more room than another.
- Who walks a packed sample may have it from anywhere: every number is checked.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset

from ucompress._kernels.sampling cimport (
    SAMPLE_SPAN, sample_span, sampler_begin, sampler_init, sampler_join, sampler_keep,
)


cdef int packer_init(Packer* packer, size_t length, uint64_t threshold) noexcept nogil:
    """Prepare for d-mers of `length` bytes; -1 when memory is short (free the packer all the same)."""
    memset(packer, 0, sizeof(Packer))
    sampler_init(&packer.sampler, length, threshold)
    packer.room = 2 * SAMPLE_SPAN
    packer.scratch = <Sample*>malloc(SAMPLE_SPAN * sizeof(Sample))
    packer.found = <Found*>malloc(2 * packer.room * sizeof(Found))
    return 0 if packer.scratch != NULL and packer.found != NULL else -1


cdef void packer_free(Packer* packer) noexcept nogil:
    """Give the memory back."""
    free(packer.scratch)
    free(packer.found)


cdef void packer_begin(Packer* packer) noexcept nogil:
    """Open a document."""
    sampler_begin(&packer.sampler)
    packer.count = 0


cdef void merge_runs(
    const Found* left, const Found* right, const Found* end, Found* out
) noexcept nogil:
    """Two sorted runs that lie end to end, as one; of equal hashes those on the left come first."""
    cdef const Found* a = left
    cdef const Found* b = right
    while a < right and b < end:
        if b.hash < a.hash:
            out[0] = b[0]
            b += 1
        else:
            out[0] = a[0]
            a += 1
        out += 1
    if a < right:
        memcpy(out, a, (right - a) * sizeof(Found))
        out += right - a
    memcpy(out, b, (end - b) * sizeof(Found))


cdef void sort_short(Found* found, size_t count) noexcept nogil:
    """Insertion sort by hash, stable."""
    cdef Found moved
    cdef size_t i, at
    for i in range(1, count):
        moved = found[i]
        at = i
        while at > 0 and found[at - 1].hash > moved.hash:
            found[at] = found[at - 1]
            at -= 1
        found[at] = moved


cdef void sort_found(Packer* packer) noexcept nogil:
    """Sort by hash, stable: eights by insertion, then merged from one half of the room to the other."""
    cdef Found* source = packer.found
    cdef Found* target = packer.found + packer.room
    cdef Found* swapped
    cdef size_t width = 8
    cdef size_t count = packer.count
    cdef size_t at, middle, end
    for at in range(0, count, 8):
        sort_short(source + at, min(<size_t>8, count - at))
    while width < count:
        at = 0
        while at < count:
            middle = min(at + width, count)
            end = min(at + 2 * width, count)
            merge_runs(source + at, source + middle, source + end, target + at)
            at = end
        swapped = source
        source = target
        target = swapped
        width *= 2
    if source != packer.found:
        memcpy(packer.found, source, count * sizeof(Found))


cdef size_t packer_settle(Packer* packer) noexcept nogil:
    """Sort what is gathered, and join places beyond the kept ones; bytes that `packer_write` may need."""
    cdef Found* found = packer.found
    cdef size_t same = 0    # entries of the last hash
    cdef size_t used = 0
    cdef size_t i
    sort_found(packer)
    for i in range(packer.count):
        same = same + 1 if used and found[used - 1].hash == found[i].hash else 1
        if same > KEPT_PLACES:
            same = KEPT_PLACES
            found[used - 1].times += found[i].times
        else:
            found[used] = found[i]
            used += 1
    packer.count = used
    # A hash, a frequency of 17 bits at most, and a place.
    return EMPTY_BYTES + used * (8 + 3 + 10)


cdef int make_room(Packer* packer) noexcept nogil:
    """Room for another SAMPLE_SPAN."""
    cdef Found* longer
    packer_settle(packer)
    if packer.count <= packer.room // 2:
        return 0
    longer = <Found*>realloc(packer.found, 4 * packer.room * sizeof(Found))
    if longer == NULL:
        return -1
    packer.found = longer
    packer.room *= 2
    return 0


cdef int scan_part(Packer* packer, const uint8_t* data, size_t count, uint64_t base) noexcept nogil:
    """Gather the samples among the `count` d-mers that start in data[0 .. count)."""
    cdef const Sample* sample = packer.scratch
    cdef Found* next
    cdef size_t done = 0
    cdef size_t part, found, i
    while done < count:
        part = min(count - done, <size_t>SAMPLE_SPAN)
        found = sample_span(&packer.sampler, data + done, part, packer.scratch)
        while packer.count + found > packer.room:
            if make_room(packer):
                return -1
        next = packer.found + packer.count
        for i in range(found):
            next[i].hash = sample[i].hash
            next[i].position = base + done + sample[i].position
            next[i].times = 1
        packer.count += found
        done += part
    return 0


cdef int packer_scan(Packer* packer, const uint8_t* data, size_t size) noexcept nogil:
    """Gather from the next window of the open document; -1 when memory is short."""
    cdef Sampler* sampler = &packer.sampler
    if size == 0:
        return 0
    if scan_part(packer, sampler.tail, sampler_join(sampler, data, size), sampler.position - sampler.kept):
        return -1
    if size >= sampler.length:
        if scan_part(packer, data, size - sampler.length + 1, sampler.position):
            return -1
    sampler_keep(sampler, data, size)
    return 0


cdef inline uint8_t* put_number(uint8_t* out, uint64_t value) noexcept nogil:
    while value >= 128:
        out[0] = <uint8_t>(value | 128)
        out += 1
        value >>= 7
    out[0] = <uint8_t>value
    return out + 1


cdef size_t packer_write(const Packer* packer, uint8_t* out) noexcept nogil:
    """The settled sample, packed, in as much room as `packer_settle` said; bytes written."""
    cdef const Found* found = packer.found
    cdef uint8_t* hashes = out + EMPTY_BYTES
    cdef uint8_t* at
    cdef uint64_t times
    cdef uint32_t rows = 0
    cdef size_t i, j, k
    for i in range(packer.count):
        if i == 0 or found[i].hash != found[i - 1].hash:
            memcpy(hashes + 8 * <size_t>rows, &found[i].hash, 8)
            rows += 1
    memcpy(out, &rows, 4)
    at = hashes + 8 * <size_t>rows
    i = 0
    while i < packer.count:
        times = 0
        j = i
        while j < packer.count and found[j].hash == found[i].hash:
            times += found[j].times
            j += 1
        at = put_number(at, min(times, <uint64_t>MOST_TIMES))
        at = put_number(at, found[i].position)
        for k in range(i + 1, j):
            at = put_number(at, found[k].position - found[k - 1].position)
        i = j
    return at - out


cdef inline size_t packed_rows(const uint8_t* data) noexcept nogil:
    """Rows that the sample says it has."""
    cdef uint32_t rows
    memcpy(&rows, data, 4)
    return rows


cdef int unpacker_open(Unpacker* unpacker, const uint8_t* data, size_t size) noexcept nogil:
    """Begin a walk; -1 when this is no sample."""
    if size < EMPTY_BYTES or (size - EMPTY_BYTES) // 10 < packed_rows(data):
        return -1
    unpacker.left = packed_rows(data)
    unpacker.hashes = data + EMPTY_BYTES
    unpacker.at = unpacker.hashes + 8 * unpacker.left
    unpacker.end = data + size
    return 0


cdef inline int take_number(Unpacker* unpacker, uint64_t* value) noexcept nogil:
    """The next number; -1 where there is none."""
    cdef unsigned int shift = 0
    cdef uint8_t byte
    value[0] = 0
    while unpacker.at < unpacker.end and shift < 63:
        byte = unpacker.at[0]
        unpacker.at += 1
        value[0] |= <uint64_t>(byte & 127) << shift
        if byte < 128:
            return 0
        shift += 7
    return -1


cdef int unpacker_next(Unpacker* unpacker, PackedRow* row) noexcept nogil:
    """The next row: 1; 0 at the end, -1 when the bytes are no sample."""
    cdef uint64_t number, place
    cdef uint64_t before = row.hash
    cdef bint first = unpacker.at == unpacker.hashes + 8 * unpacker.left
    cdef size_t i
    if unpacker.left == 0:
        return 0 if unpacker.at == unpacker.end else -1
    memcpy(&row.hash, unpacker.hashes, 8)
    if take_number(unpacker, &number) or number < 1 or number > MOST_TIMES:
        return -1
    if not first and row.hash <= before:
        return -1
    row.times = <uint32_t>number
    row.kept = min(row.times, <uint32_t>KEPT_PLACES)
    row.places = unpacker.at
    place = 0
    for i in range(row.kept):
        if take_number(unpacker, &number) or (i and number == 0) or (place + number) >> 59:
            return -1
        place += number
    row.last = place
    unpacker.hashes += 8
    unpacker.left -= 1
    return 1


cdef bint is_packed(const uint8_t* data, size_t size) noexcept nogil:
    """Whether the bytes have the form that `packer_write` gives."""
    cdef Unpacker unpacker
    cdef PackedRow row
    cdef int more = 1
    if unpacker_open(&unpacker, data, size):
        return False
    while more > 0:
        more = unpacker_next(&unpacker, &row)
    return more == 0
