# Records of a fixed length, turned so that equal places stand together; and how long they are.

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t


cdef extern from "planes.h" nogil:
    void planes_from_records "uc_planes_from_records"(
        const uint8_t* data, size_t size, size_t stride, int differences, uint8_t* out
    )
    void records_from_planes "uc_records_from_planes"(
        const uint8_t* data, size_t size, size_t stride, int differences, uint8_t* out
    )
    size_t likely_stride "uc_likely_stride"(const uint8_t* data, size_t size)
