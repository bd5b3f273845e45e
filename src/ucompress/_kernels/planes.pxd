# Records of a fixed length, turned so that equal places stand together; and how long they are.

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t

cdef enum:
    LONGEST_STRIDE = 64     # that is looked for; any other up to 255 can be undone

cdef void planes_from_records(
    const uint8_t* data, size_t size, size_t stride, bint differences, uint8_t* out
) noexcept nogil
cdef void records_from_planes(
    const uint8_t* data, size_t size, size_t stride, bint differences, uint8_t* out
) noexcept nogil
cdef size_t likely_stride(const uint8_t* data, size_t size) noexcept nogil
