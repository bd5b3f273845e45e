# Packed samples: what analysis keeps of a document's sampled d-mers. See packing.pyx.

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from ucompress._kernels.sampling cimport Sample, Sampler

cdef enum:
    KEPT_PLACES = 8           # places of a d-mer that are kept, the first ones
    MOST_TIMES = 65535        # frequencies saturate here
    EMPTY_BYTES = 4           # of the sample of a document without d-mers

# One sampled d-mer, or several places of one beyond those that are kept.
cdef struct Found:
    uint64_t hash
    uint64_t position
    uint64_t times            # places that this stands for

# The sample of the open document while it is taken.
cdef struct Packer:
    Sampler sampler
    Sample* scratch           # SAMPLE_SPAN
    Found* found              # twice `room`: sorting takes the other half
    size_t count
    size_t room

# A row of a packed sample.
cdef struct PackedRow:
    uint64_t hash
    uint32_t times
    uint32_t kept             # places that are known
    uint64_t[8] places        # KEPT_PLACES: rising

# A walk over a packed sample.
cdef struct Unpacker:
    const uint8_t* hashes
    const uint8_t* at
    const uint8_t* end
    size_t left               # rows

cdef int packer_init(Packer* packer, size_t length, uint64_t threshold) noexcept nogil
cdef void packer_free(Packer* packer) noexcept nogil
cdef void packer_begin(Packer* packer) noexcept nogil
cdef int packer_scan(Packer* packer, const uint8_t* data, size_t size) noexcept nogil
cdef size_t packer_settle(Packer* packer) noexcept nogil
cdef size_t packer_write(const Packer* packer, uint8_t* out) noexcept nogil
cdef int unpacker_open(Unpacker* unpacker, const uint8_t* data, size_t size) noexcept nogil
cdef int unpacker_next(Unpacker* unpacker, PackedRow* row) noexcept nogil
cdef bint is_packed(const uint8_t* data, size_t size) noexcept nogil
