# Makes and reads many small files in few system calls.

from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t


cdef extern from "files.h" nogil:
    ctypedef struct uc_file:
        const char* path
        const uint8_t* data
        size_t size
        int64_t seconds
        int32_t nanoseconds
        uint32_t mode
        int error
    size_t uc_write_files(int folder, uint32_t kept, uc_file* files, size_t count)

    ctypedef struct uc_status:
        uint64_t size
        int64_t mtime_ns
        int64_t ctime_ns
        uint64_t inode
        uint64_t device

    ctypedef struct uc_span:
        const char* path
        uint64_t offset
        uint8_t* data
        size_t size
        int error
        uc_status* seen
    size_t uc_read_spans(uc_span* spans, size_t count)

    void uc_look_at(const char** paths, uc_status* found, size_t count)
