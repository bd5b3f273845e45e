# Cover: chooses windows from a pool until a size is reached.
#
# READ ME FIRST
# Lazy greedy on a heap (Minoux 1978): a window's score is an upper bound that falls as its
# d-mers are covered by better windows. The top is scored again; if it still leads it is chosen
# and its d-mers are worth nothing from then on. A window is trimmed to its uncovered d-mers,
# and split around bytes of its document that were chosen before: no byte is chosen twice.

from libc.stdint cimport uint32_t, uint64_t
from libc.stddef cimport size_t

from ucompress._kernels.points cimport Table
from ucompress._kernels.windows cimport Pool

cdef packed struct Choice:
    uint64_t offset
    uint64_t score
    uint32_t document
    uint32_t length

cdef enum:
    COVER_NO_MEMORY = -1

cdef long long cover_select(
    Table* table, const Pool* pool, uint64_t size, uint64_t worth, Choice* choices, size_t room
) noexcept nogil
