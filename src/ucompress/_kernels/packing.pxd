# Packed samples: what analysis keeps of a document's sampled d-mers. See packing.pyx.

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from ucompress._kernels.sampling cimport Sample, Sampler

cdef enum:
    KEPT_PLACES = 1024        # places of a d-mer that are kept, the first ones
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
    uint32_t kept             # places that are known, rising
    uint64_t last             # the last of them
    const uint8_t* places     # `packed_number` gives the first, then the steps between them

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
cdef inline uint64_t packed_number(const uint8_t** at) noexcept nogil:
    """The number at `at`, which moves behind it; only for rows that `unpacker_next` has given."""
    cdef uint64_t value = 0
    cdef unsigned int shift = 0
    while at[0][0] >= 128:
        value |= <uint64_t>(at[0][0] & 127) << shift
        shift += 7
        at[0] += 1
    value |= <uint64_t>at[0][0] << shift
    at[0] += 1
    return value

cdef bint is_packed(const uint8_t* data, size_t size) noexcept nogil
