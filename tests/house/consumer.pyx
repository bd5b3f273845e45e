# cython: language_level=3
"""Somebody else's extension: knows only what the wheel ships, and calls the kernels on its own memory."""

from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint64_t
from libc.stdlib cimport free, malloc

from ucompress._core cimport (
    Anchor,
    Context,
    Choice,
    CountRow,
    Decoder,
    DictionaryBuilder,
    Encoder,
    Extent,
    ModelCoder,
    PatternCounter,
    PatternLocator,
    PatternTally,
    SegmentIndex,
    uc_anchor_spacing,
    uc_classify,
    uc_count_patterns,
    uc_counter_update,
    uc_dictionary_offer,
    uc_dictionary_select,
    uc_extend_patterns,
    uc_find_anchors,
    uc_find_cuts,
    uc_find_segments,
    uc_find_zero_runs,
    uc_index_trace,
    uc_locator_update,
    uc_lz_decode,
    uc_lz_encode,
    uc_match_backward,
    uc_match_forward,
    uc_merge_counts,
    uc_mix_decode,
    uc_mix_encode,
    uc_order_by_likeness,
    uc_rolling_hash,
    uc_sketch,
    uc_tally_update,
)


def zero_runs(const uint8_t[::1] data, size_t minimum):
    """Pairs (start, end) of zero runs, found without the GIL."""
    cdef int64_t[64] runs
    cdef size_t count
    with nogil:
        count = uc_find_zero_runs(&data[0], data.shape[0], minimum, runs)
    return [(runs[2 * place], runs[2 * place + 1]) for place in range(count)]


def common_prefix(const uint8_t[::1] left, const uint8_t[::1] right):
    """How many bytes two buffers have in common from their beginnings on."""
    cdef size_t limit = min(left.shape[0], right.shape[0])
    with nogil:
        limit = uc_match_forward(&left[0], &right[0], limit)
    return limit


def common_suffix(const uint8_t[::1] left, const uint8_t[::1] right):
    """How many bytes two buffers have in common from their ends on."""
    cdef size_t limit = min(left.shape[0], right.shape[0])
    with nogil:
        limit = uc_match_backward(&left[0] + left.shape[0], &right[0] + right.shape[0], limit)
    return limit


def class_of(const uint8_t[::1] data):
    """0 for text, 1 for binary, 2 for dense data."""
    cdef int found
    with nogil:
        found = uc_classify(&data[0], data.shape[0])
    return found


def length_of(SegmentIndex index):
    """Reads a field of an extension type that was made elsewhere."""
    return index.length


def first_hash(const uint8_t[::1] data, size_t length):
    """The hash of the d-mer that a buffer begins with."""
    cdef uint64_t value = 0
    cdef int status
    with nogil:
        status = uc_rolling_hash(&data[0], length, length, &value)
    if status:
        raise ValueError("no d-mer of this length is hashed")
    return value


def there_and_back(Encoder encoder, Decoder decoder, const uint8_t[::1] data):
    """Codes and decodes a block in memory that Python knows nothing of; (coded size, same bytes)."""
    cdef size_t size = data.shape[0], coded
    cdef int status
    cdef bint same = True
    cdef size_t place
    cdef uint8_t* payload = <uint8_t*> malloc(size + 1)
    cdef uint8_t* again = <uint8_t*> malloc(size)
    if payload == NULL or again == NULL:
        free(payload)
        free(again)
        raise MemoryError
    with nogil:
        status = uc_lz_encode(encoder, &data[0], size, NULL, payload, &coded)
        status |= uc_lz_decode(decoder, payload, coded, NULL, again, size, size)
        for place in range(size):
            same = same and again[place] == data[place]
    free(payload)
    free(again)
    return coded, same and status == 0


def mixed_and_back(ModelCoder coder, const uint8_t[::1] data, size_t first):
    """Codes a block, and decodes its first bytes; (coded size, those bytes)."""
    cdef size_t size = data.shape[0], coded
    cdef int status
    cdef uint8_t* payload = <uint8_t*> malloc(size + 1)
    cdef uint8_t* again = <uint8_t*> malloc(size)
    if payload == NULL or again == NULL:
        free(payload)
        free(again)
        raise MemoryError
    with nogil:
        coded = uc_mix_encode(coder, &data[0], size, payload)
        status = uc_mix_decode(coder, payload, coded, again, size, first)
    part = again[:first]
    free(payload)
    free(again)
    return coded, part if status == 0 else None


def updated(PatternCounter counter, PatternLocator locator, PatternTally tally, const uint8_t[::1] data):
    """Shows one document to a counter, a locator and a tally."""
    uc_counter_update(counter, &data[0], data.shape[0], 7)
    uc_locator_update(locator, &data[0], data.shape[0], 7)
    uc_tally_update(tally, &data[0], data.shape[0], 3)


# What follows takes the bytes of arrays, and fills those of others, so that this file needs no NumPy.


def counted(const uint8_t[::1] data, size_t length, uint64_t threshold, uint8_t[::1] out):
    """Counts the d-mers of one document; how many there are."""
    cdef size_t room = out.shape[0] // sizeof(CountRow)
    cdef Py_ssize_t found
    with nogil:
        found = uc_count_patterns(
            &data[0], data.shape[0], length, threshold, 7, <CountRow*> &out[0], room
        )
    return found


def chosen(DictionaryBuilder builder, const uint8_t[::1] data, uint64_t size, uint8_t[::1] out):
    """Offers one document and chooses windows of it; how many."""
    cdef size_t room = out.shape[0] // sizeof(Choice)
    cdef Py_ssize_t found
    with nogil:
        found = uc_dictionary_offer(builder, &data[0], data.shape[0], 7, 0)
        if found == 0:
            found = uc_dictionary_select(builder, size, <Choice*> &out[0], room)
    return found


def merged(const uint8_t[::1] rows, size_t capacity, uint8_t[::1] out):
    """Joins count rows; how many there are, of which as many as `out` holds are written."""
    cdef size_t count = rows.shape[0] // sizeof(CountRow), room = out.shape[0] // sizeof(CountRow)
    cdef Py_ssize_t found
    with nogil:
        found = uc_merge_counts(<const CountRow*> &rows[0], count, capacity, <CountRow*> &out[0], room)
    return found


def cuts(const uint64_t[::1] hashes, size_t spacing, uint64_t[::1] out):
    """Cuts of hashed bytes, in no order."""
    cdef size_t count = hashes.shape[0]
    cdef uint64_t* stack = <uint64_t*> malloc(count * sizeof(uint64_t))
    if stack == NULL:
        raise MemoryError
    with nogil:
        count = uc_find_cuts(&hashes[0], count, spacing, stack, &out[0])
    free(stack)
    return count


def grown(
    const uint8_t[::1] data, const uint8_t[::1] contexts, const int64_t[::1] groups, size_t length,
    size_t support, uint8_t[::1] out
):
    """Grows d-mers into pairs of extents; the status."""
    cdef size_t count = groups.shape[0] - 1
    cdef int status
    with nogil:
        status = uc_extend_patterns(
            &data[0], data.shape[0], <const Context*> &contexts[0], &groups[0], count, length, 1024, support,
            <Extent*> &out[0],
        )
    return status


def spacing_of(uint64_t total):
    """How far anchors stand from each other."""
    return uc_anchor_spacing(total)


def anchors(const uint8_t[::1] data, size_t spacing, size_t length, uint64_t[:, ::1] out):
    """Finds anchors as (hash, position)."""
    cdef Py_ssize_t found
    with nogil:
        found = uc_find_anchors(
            &data[0], data.shape[0], spacing, length, <Anchor*> &out[0, 0], out.shape[0]
        )
    return found


def traced(SegmentIndex index, const uint64_t[:, ::1] rows, uint64_t base, int64_t[:, ::1] out):
    """Candidates for anchors, which the index remembers from here on."""
    cdef size_t found
    with nogil:
        found = uc_index_trace(
            index, <const Anchor*> &rows[0, 0], rows.shape[0], base, base, &out[0, 0]
        )
    return found


def segments(const uint8_t[::1] data, size_t minimum, int64_t[:, ::1] out):
    """Copies inside a buffer."""
    cdef Py_ssize_t found
    with nogil:
        found = uc_find_segments(&data[0], data.shape[0], minimum, &out[0, 0], out.shape[0])
    return found


def sketch(const uint8_t[::1] data, size_t length, uint64_t[::1] out):
    """The lowest hashes, as many as `out` holds."""
    cdef Py_ssize_t found
    with nogil:
        found = uc_sketch(&data[0], data.shape[0], out.shape[0], length, &out[0])
    return found


def ordered(
    const uint64_t[:, ::1] features, const uint8_t[::1] classes, const int64_t[::1] sizes,
    const uint16_t[::1] weights, int64_t block, size_t span, int32_t[::1] out
):
    """The order by likeness; the status."""
    cdef int status
    with nogil:
        status = uc_order_by_likeness(
            &features[0, 0], features.shape[0], features.shape[1], &classes[0], &sizes[0], &weights[0],
            block, span, &out[0],
        )
    return status
