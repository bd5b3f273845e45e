# Looks up a 64-bit hash among a few thousand, most of the time in vain.
#
# A bitmap of sixteen bits a key is asked first: it stays in the nearest cache and answers
# "no" to fifteen of sixteen strangers (Bloom, "Space/time trade-offs in hash coding", 1970,
# with one hash function). Keys are mixed already, so their low bits address both tables.

from libc.stddef cimport size_t
from libc.stdint cimport uint32_t, uint64_t

cdef struct LookupSlot:
    uint64_t key
    uint64_t value          # 0 is an empty slot, else the number looked for, plus one

cdef struct Lookup:
    LookupSlot* slots
    uint64_t* filter
    uint64_t slot_mask
    uint64_t filter_mask    # in bits

cdef int lookup_init(Lookup* lookup, size_t count) noexcept nogil
cdef void lookup_free(Lookup* lookup) noexcept nogil
cdef int lookup_add(Lookup* lookup, uint64_t key, uint32_t value) noexcept nogil

cdef inline uint64_t lookup_find(const Lookup* lookup, uint64_t key) noexcept nogil:
    """The key's number plus one, or 0."""
    cdef uint64_t bit = key & lookup.filter_mask
    cdef uint64_t at
    if not (lookup.filter[bit >> 6] >> (bit & 63)) & 1:
        return 0
    at = (key >> 8) & lookup.slot_mask
    while lookup.slots[at].value and lookup.slots[at].key != key:
        at = (at + 1) & lookup.slot_mask
    return lookup.slots[at].value
