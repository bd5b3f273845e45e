"""Building of the tables that `lookup.pxd` reads."""

from libc.stddef cimport size_t
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free


cdef int lookup_init(Lookup* lookup, size_t count) noexcept nogil:
    """Empty tables for `count` keys; -1 when memory is short (free them all the same)."""
    cdef size_t slots = 64
    while slots < 2 * count:
        slots *= 2
    lookup.slot_mask = slots - 1
    lookup.filter_mask = 16 * slots - 1
    lookup.slots = <LookupSlot*>calloc(slots, sizeof(LookupSlot))
    lookup.filter = <uint64_t*>calloc(slots // 4, sizeof(uint64_t))
    return 0 if lookup.slots != NULL and lookup.filter != NULL else -1


cdef void lookup_free(Lookup* lookup) noexcept nogil:
    """Give the tables back."""
    free(lookup.slots)
    free(lookup.filter)
    lookup.slots = NULL
    lookup.filter = NULL


cdef int lookup_add(Lookup* lookup, uint64_t key, uint32_t value) noexcept nogil:
    """Enter a key; 1 and no change when it is there already."""
    cdef uint64_t bit = key & lookup.filter_mask
    cdef uint64_t at = (key >> 8) & lookup.slot_mask
    while lookup.slots[at].value:
        if lookup.slots[at].key == key:
            return 1
        at = (at + 1) & lookup.slot_mask
    lookup.filter[bit >> 6] |= <uint64_t>1 << (bit & 63)
    lookup.slots[at].key = key
    lookup.slots[at].value = <uint64_t>value + 1
    return 0
