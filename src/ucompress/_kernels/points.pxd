# Points: where the shared d-mers of a corpus stand in its documents.
#
# READ ME FIRST
# 1. A *table* holds the sampled d-mers worth looking at, in order of hash, with a directory by
#    the hash's upper bits. A d-mer's *slot* is its place there. Whatever hashes somebody chose,
#    a search is a binary one at worst.
# 2. A document is cut into *slices* at multiples of SLICE_BYTES. `points_scan` finds the
#    table's d-mers in one.
# 3. A *store* keeps the points of all slices. When it is full, its threshold is halved and the
#    points above it go: what stays does not depend on the order in which slices came.
# 4. `points_weigh` gives every d-mer its weight: the number of *other* documents that have it,
#    up to a limit.

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stddef cimport size_t

from ucompress._kernels.sampling cimport Sample, Sampler

cdef enum:
    SLICE_BYTES = 1048576

cdef struct Entry:
    uint64_t hash
    uint32_t weight
    uint32_t stamp             # last document, slice or choice that met it

cdef struct Table:
    Entry* entries             # in rising order of hash
    size_t count
    uint32_t* starts           # by hash >> shift: the first entry; the next item's is the end
    size_t buckets             # items of `starts` less one
    unsigned int shift
    uint64_t highest           # hash of the last entry
    uint64_t threshold         # d-mers above it are not looked at
    uint32_t stamp             # the newest stamp
    uint32_t length            # d

cdef struct Point:
    uint32_t at                # start of the d-mer, from the slice's or window's start
    uint32_t slot

cdef struct Points:
    Point* items
    size_t count
    size_t room

cdef struct Slice:
    uint64_t offset            # in the document
    uint64_t first             # in the store's points
    uint32_t document
    uint32_t count
    uint32_t size              # in bytes

cdef struct Store:
    Points points
    Slice* slices
    size_t count
    size_t room
    size_t limit               # points

cdef int points_add(Points* points, uint32_t at, uint32_t slot) noexcept nogil
cdef int table_open(Table* table, const uint64_t* hashes, size_t count, uint32_t length) noexcept nogil
cdef void table_close(Table* table) noexcept nogil
cdef int points_scan(
    const Table* table, const Sampler* sampler, const uint8_t* data, size_t size, Sample* scratch,
    Points* points,
) noexcept nogil
cdef int store_add(
    Store* store, Table* table, Points* points, uint32_t document, uint64_t offset, uint32_t size
) noexcept nogil
cdef void points_weigh(Store* store, Table* table, uint32_t limit) noexcept nogil
cdef void store_close(Store* store) noexcept nogil
