# The public C API: real functions `uc_*` and `cdef class`es, never aliases of private modules.

from cpython.pythread cimport PyThread_type_lock
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from ucompress._kernels.count_table cimport CountRow, CountTable
from ucompress._kernels.cover cimport Choice
from ucompress._kernels.growing cimport Context, Extent
from ucompress._kernels.locating cimport Locator
from ucompress._kernels.matching cimport Matcher
from ucompress._kernels.packing cimport Packer
from ucompress._kernels.points cimport Store, Table
from ucompress._kernels.sampling cimport Sample, Sampler
from ucompress._kernels.segments cimport Anchor, AnchorRule

# Patterns: rolling hash, counts.

# A d-mer has 1 to 256 bytes: -1 stands for another `length`, for every function that takes one.
# `out` has room for size - length + 1 hashes, none where `size` is smaller. Returns 0.
cdef int uc_rolling_hash(const uint8_t* data, size_t size, size_t length, uint64_t* out) noexcept nogil
# D-mers whose hash is at most `threshold` count. Returns how many rows there are, of which the `room` lowest
# are in `rows`; where there are more, call again with more room. -1, too: no memory.
cdef Py_ssize_t uc_count_patterns(
    const uint8_t* data,
    size_t size,
    size_t length,
    uint64_t threshold,
    uint32_t document,
    CountRow* rows,
    size_t room,
) noexcept nogil
# `rows` are those of all tables, laid end to end; room for `count` is always enough. `capacity` 0 keeps
# all. Returns how many rows there are, of which the `room` lowest are in `out`; -1 stands for: no memory.
cdef Py_ssize_t uc_merge_counts(
    const CountRow* rows, size_t count, size_t capacity, CountRow* out, size_t room
) noexcept nogil
# What follows counts one document, whole; the object's own lock is held meanwhile, the GIL is not. They raise
# MemoryError.
cdef int uc_counter_update(
    PatternCounter counter, const uint8_t* data, size_t size, uint32_t document
) except -1

cdef int uc_locator_update(
    PatternLocator locator, const uint8_t* data, size_t size, uint32_t document
) except -1
# `stack` and `cuts` have room for `count` values; the cuts are in no order. Returns how many.
cdef size_t uc_find_cuts(
    const uint64_t* hashes, size_t count, size_t spacing, uint64_t* stack, uint64_t* cuts
) noexcept nogil
# The places of d-mer i are contexts[groups[i]] up to contexts[groups[i + 1]]: `groups` has count + 1
# values, `extents` room for 2 * count. Returns 0, or -1 where something does not fit or is out of range.
cdef int uc_extend_patterns(
    const uint8_t* data,
    size_t size,
    const Context* contexts,
    const int64_t* groups,
    size_t count,
    size_t length,
    size_t reach,
    size_t support,
    Extent* extents,
) noexcept nogil
cdef int uc_tally_update(PatternTally tally, const uint8_t* data, size_t size, uint32_t weight) except -1

cdef class PatternCounter:
    cdef CountTable table
    cdef Sampler sampler
    cdef Sample* scratch
    cdef uint32_t document
    cdef PyThread_type_lock lock

cdef class PatternLocator:
    cdef Locator locator
    cdef Sampler sampler
    cdef Sample* scratch
    cdef uint32_t document
    cdef PyThread_type_lock lock

cdef class PatternSampler:
    cdef Packer packer
    cdef PyThread_type_lock lock

cdef class PatternTally:
    cdef Matcher matcher
    cdef Sample* scratch
    cdef PyThread_type_lock lock

# Segments: zero runs, classes, anchors, long copies.

# `runs` has room for length // minimum pairs of start and end, `minimum` is 1 or more. Returns how many
# there are.
cdef size_t uc_find_zero_runs(
    const uint8_t* data, size_t length, size_t minimum, int64_t* runs
) noexcept nogil
# Returns 0 for text, 1 for binary data, 2 for what looks compressed already.
cdef int uc_classify(const uint8_t* data, size_t length) noexcept nogil
# How many bytes from `a` and `b` on, or before them, are equal, at most `limit`: so many must be there.
cdef size_t uc_match_forward(const uint8_t* a, const uint8_t* b, size_t limit) noexcept nogil
cdef size_t uc_match_backward(const uint8_t* a, const uint8_t* b, size_t limit) noexcept nogil

# The expected bytes from one anchor to the next that suit `total` bytes.
cdef size_t uc_anchor_spacing(uint64_t total) noexcept nogil
# Anchors stand spacing // 8 bytes apart or more; the first `room` of them are written, and
# size // max(spacing // 8, 1) + 1 is enough for all. Returns how many are in `anchors`, -1 when `spacing` is
# 0 or `length` not from 1 to 256.
cdef Py_ssize_t uc_find_anchors(
    const uint8_t* data, size_t size, size_t spacing, size_t length, Anchor* anchors, size_t room
) noexcept nogil
# `hits` has room for `count` pairs of position and address. Returns how many there are. One thread at a
# time for one index.
cdef size_t uc_index_trace(
    SegmentIndex index, const Anchor* anchors, size_t count, uint64_t base, uint64_t first, int64_t* hits
) noexcept nogil
# `segments` has room for `room` triples of position, source and length; size // minimum of them are
# always enough. Returns how many there are, -1 when memory is short or `minimum` is 0.
cdef Py_ssize_t uc_find_segments(
    const uint8_t* data, size_t size, size_t minimum, int64_t* segments, size_t room
) noexcept nogil

cdef class SegmentIndex:
    cdef readonly size_t length
    cdef readonly size_t spacing
    cdef AnchorRule rule
    cdef uint64_t* slots
    cdef unsigned int bits

# Similarity: sketches, order.

# `out` has room for `k` hashes. Returns how many there are, -1 when memory is short or a value is out of
# range.
cdef Py_ssize_t uc_sketch(
    const uint8_t* data, size_t size, size_t k, size_t length, uint64_t* out
) noexcept nogil
# `features` has `columns` values for each of `count` contents, 2^64 - 1 is none; one class and size for
# each content, one weight for each column; `order` has room for `count`. Returns 0, or -1 when memory is
# short, a weight is 0, the greatest times `columns` is 1024 or more, or a value is out of range.
cdef int uc_order_by_likeness(
    const uint64_t* features,
    size_t count,
    size_t columns,
    const uint8_t* classes,
    const int64_t* sizes,
    const uint16_t* weights,
    int64_t block,
    size_t span,
    int32_t* order,
) noexcept nogil

# LZ codec of levels 4 to 6.

cdef class PrimedDictionary:
    cdef readonly int level
    cdef readonly bint encodes
    cdef readonly size_t nbytes
    cdef uint32_t size
    cdef void* state
    cdef void* memory
    cdef void* lock

# A block that another one was coded after: its payload and its decoded size; size 0 for none.
ctypedef struct LzReference:
    uint8_t* payload
    size_t length
    size_t size

cdef class _LzCoder:
    cdef readonly PrimedDictionary primed
    cdef readonly size_t max_block
    cdef readonly size_t max_reference
    cdef readonly size_t nbytes
    cdef void* state
    cdef void* memory
    cdef void* lock
    cdef void* kept
    cdef LzReference left
    cdef int at_hand
    cdef int prepare(
        self, PrimedDictionary primed, size_t max_block, size_t max_reference, bint encode
    ) except -1

cdef class Encoder(_LzCoder):
    pass

cdef class Decoder(_LzCoder):
    cdef int run(
        self, const uint8_t* payload, size_t length, const LzReference* reference, uint8_t* out, size_t size,
        size_t first
    ) except -1

# `size` at most the coder's max_block, that of the reference, which may be NULL, its max_reference; `out`
# of encode has room for size + 1 bytes. Of a block of `size` bytes decode gives the `first`, at most all:
# only who wants all of them learns of damage behind. Both return 0, 1 for damage, and then leave `out`
# alone, or -1 without memory.
cdef int uc_lz_encode(
    Encoder encoder, const uint8_t* data, size_t size, const LzReference* reference, uint8_t* out,
    size_t* coded
) noexcept nogil
cdef int uc_lz_decode(
    Decoder decoder, const uint8_t* payload, size_t length, const LzReference* reference, uint8_t* out,
    size_t size, size_t first
) noexcept nogil

# Filters of blocks.

cdef class BranchCounter:
    cdef readonly size_t nbytes
    cdef uint32_t* past

# Mixing codec of levels 7 to 9.

cdef class PrimedModel:
    cdef readonly int level
    cdef readonly size_t nbytes
    cdef uint32_t size
    cdef void* state
    cdef void* memory

cdef class ModelCoder:
    cdef readonly PrimedModel primed
    cdef readonly size_t max_block
    cdef readonly size_t nbytes
    cdef void* state
    cdef void* memory
    cdef void* lock
    cdef int check(self, size_t size) except -1
    cdef int run(
        self, const uint8_t* payload, size_t length, uint8_t* out, size_t size, size_t first
    ) except -1

# `size` at most the coder's max_block; `out` has room for size + 1 bytes, which what does not get smaller
# takes.
# Returns the payload's length, 0 for no bytes.
cdef size_t uc_mix_encode(ModelCoder coder, const uint8_t* data, size_t size, uint8_t* out) noexcept nogil
# As `uc_lz_decode`, but it asks for no memory.
cdef int uc_mix_decode(
    ModelCoder coder, const uint8_t* payload, size_t length, uint8_t* out, size_t size, size_t first
) noexcept nogil

# Dictionary: windows of documents, offered and chosen. -1 stands for: no memory.

# `data` stands `offset` bytes into the document; pieces of one document come in order. Returns 0.

cdef int uc_dictionary_offer(
    DictionaryBuilder builder, const uint8_t* data, size_t size, uint32_t document, uint64_t offset
) noexcept nogil
# Chooses windows of `size` bytes together, best first. Returns how many are in `choices`, at most `room`.
cdef Py_ssize_t uc_dictionary_select(
    DictionaryBuilder builder, uint64_t size, Choice* choices, size_t room
) noexcept nogil

cdef class DictionaryBuilder:
    cdef Table table
    cdef Store store
    cdef Sampler sampler
    cdef uint64_t capacity
    cdef uint32_t weight_limit
    cdef PyThread_type_lock lock
