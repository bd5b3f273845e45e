"""Transposition of fixed records: the byte planes of tables, samples and arrays of numbers.

READ ME FIRST
- Record r of `stride` bytes has its byte k at r * stride + k; in planes it stands at k * rows + r. Bytes
  after the last whole record stay where they are. (The shuffle of HDF5 and Blosc.)
- With differences, each byte but the first of a plane has the byte before it subtracted, modulo 256.
- Both directions write every byte of `out` once and read and write below `size` only, for any
  `stride` of at least 1, longer than the data included.
"""

from libc.string cimport memcpy, memset

cdef enum:
    SAMPLES = 16            # stretches that are looked at
    SAMPLE = 1024           # bytes of each that are compared with those before
    NEAR = 2                # bytes that differ by so much at most are alike


cdef void planes_from_records(
    const uint8_t* data, size_t size, size_t stride, bint differences, uint8_t* out
) noexcept nogil:
    """Turn records into planes; `out` does not overlap `data`."""
    cdef size_t rows = size // stride
    cdef size_t k, r
    cdef uint8_t before, value
    for k in range(stride if rows else 0):
        before = 0
        for r in range(rows):
            value = data[r * stride + k]
            out[k * rows + r] = value - before
            before = value if differences else 0
    memcpy(out + rows * stride, data + rows * stride, size - rows * stride)


cdef void records_from_planes(
    const uint8_t* data, size_t size, size_t stride, bint differences, uint8_t* out
) noexcept nogil:
    """The inverse."""
    cdef size_t rows = size // stride
    cdef size_t k, r
    cdef uint8_t before, value
    for k in range(stride if rows else 0):
        before = 0
        for r in range(rows):
            value = data[k * rows + r] + before
            out[r * stride + k] = value
            before = value if differences else 0
    memcpy(out + rows * stride, data + rows * stride, size - rows * stride)


cdef uint32_t _count_alike(const uint8_t* a, const uint8_t* b, size_t size) noexcept nogil:
    """Positions at which both are near each other."""
    cdef uint32_t alike = 0
    cdef size_t i
    for i in range(size):
        alike += <uint8_t>(a[i] - b[i] + NEAR) <= 2 * NEAR
    return alike


cdef uint32_t _background(const uint32_t* alike, size_t stride) noexcept nogil:
    """The mean of what is alike at distances that are no multiples of a stride; of 1, at all others."""
    cdef uint32_t total = 0
    cdef uint32_t count = 0
    cdef size_t distance
    for distance in range(1, LONGEST_STRIDE + 1):
        if distance % stride or (stride == 1 and distance > 1):
            total += alike[distance]
            count += 1
    return total // count


cdef size_t likely_stride(const uint8_t* data, size_t size) noexcept nogil:
    """The distance at which bytes are most alike, if that is clearly more than at others; else 0.

    Of two that are as good the shorter one: multiples of a record's length look like it. Clearly is
    9/20 of what is not alike elsewhere, or 11/4 of what is: tables of small numbers do the one,
    samples and floats the other, and sections of programs neither.
    """
    cdef uint32_t[LONGEST_STRIDE + 1] alike
    cdef size_t span = SAMPLE + LONGEST_STRIDE
    cdef size_t i, stride
    cdef uint32_t most = 0
    cdef uint32_t background
    cdef uint32_t samples = SAMPLES * SAMPLE
    cdef const uint8_t* at
    if size < SAMPLES * span:
        return 0
    memset(alike, 0, sizeof(alike))
    for i in range(SAMPLES):
        at = data + (size - span) // (SAMPLES - 1) * i + LONGEST_STRIDE
        for stride in range(1, LONGEST_STRIDE + 1):
            alike[stride] += _count_alike(at, at - stride, SAMPLE)
    for stride in range(1, LONGEST_STRIDE + 1):
        most = max(most, alike[stride])
    stride = 1
    while alike[stride] + alike[stride] // 32 < most:
        stride += 1
    background = _background(alike, stride)
    if alike[stride] < background + samples // 16:
        return 0
    if (alike[stride] - background) * 20 >= 9 * (samples - background):
        return stride
    return stride if alike[stride] * 4 >= 11 * background else 0
