# Windows: contiguous pieces of a document, scored by the shared d-mers that stand in them.
#
# READ ME FIRST
# 1. `window_cut` proposes windows over the points of one slice (see points.pxd).
# 2. The *pool* keeps one window per key, its d-mer with the lowest hash, so that the copies
#    of a boilerplate do not crowd out everything else; and at most `limit` windows.
#    What stays does not depend on the order in which windows come.
# 3. `_kernels/cover` chooses from the pool.
#
# Scores are weights per byte in fixed point: integers only, because they decide bytes.

from libc.stdint cimport uint32_t, uint64_t
from libc.stddef cimport size_t

from ucompress._kernels.points cimport Point, Points, Slice, Table

cdef enum:
    WINDOW_SHORTEST = 512
    WINDOW_LEAD = 64           # bytes taken before the first and after the last shared d-mer
    NO_WINDOW = 0xFFFFFFFF

cdef struct Window:
    uint64_t offset            # in the document
    uint64_t score             # weight per byte, fixed point
    uint64_t key               # lowest hash among its d-mers
    uint64_t first             # in the pool's points
    uint32_t count             # points
    uint32_t document
    uint32_t length
    uint32_t key_slot

cdef struct Pool:
    Window* windows
    size_t count
    size_t room
    size_t limit
    uint32_t* owners           # by slot: the window that has it as key, or NO_WINDOW
    Points points              # `at` counts from the window's start
    size_t dead                # points that no window has any more

cdef bint window_precedes(const Window* a, const Window* b) noexcept nogil
cdef uint64_t window_score(uint64_t weight, uint64_t length) noexcept nogil
cdef int window_cut(Table* table, Pool* pool, const Point* points, const Slice* slice) noexcept nogil
cdef int pool_open(Pool* pool, const Table* table, size_t limit) noexcept nogil
cdef int pool_trim(Pool* pool) noexcept nogil
cdef void pool_close(Pool* pool) noexcept nogil
