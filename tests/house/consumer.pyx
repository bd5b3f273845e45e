# cython: language_level=3
"""Somebody else's extension: knows only what the wheel ships, and calls the kernels on its own memory."""

from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc

from ucompress._core cimport (
    Decoder,
    Encoder,
    SegmentIndex,
    uc_classify,
    uc_find_zero_runs,
    uc_lz_decode,
    uc_lz_encode,
    uc_match_forward,
    uc_rolling_hash,
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
        coded = uc_lz_encode(encoder, &data[0], size, payload)
        status = uc_lz_decode(decoder, payload, coded, again, size)
        for place in range(size):
            same = same and again[place] == data[place]
    free(payload)
    free(again)
    return coded, same and status == 0
