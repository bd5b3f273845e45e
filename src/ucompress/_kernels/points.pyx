"""Private kernel: places of shared d-mers, and in how many documents each stands (see points.pxd)."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stddef cimport size_t
from libc.stdlib cimport free, malloc, qsort, realloc
from libc.string cimport memset

from ucompress._kernels.hashing cimport dmer_hash, dmer_mix, dmer_power, dmer_roll

cdef inline uint64_t _free_slot() noexcept nogil:
    """The hash that marks a free slot; a d-mer that has it, one in 2^64, is not looked at."""
    return <uint64_t>0xFFFFFFFFFFFFFFFF


cdef int points_add(Points* points, uint32_t at, uint32_t slot) noexcept nogil:
    """Append a point; -1 without memory."""
    cdef size_t room
    cdef Point* grown
    if points.count == points.room:
        room = points.room * 2 + 256
        grown = <Point*>realloc(points.items, room * sizeof(Point))
        if grown == NULL:
            return -1
        points.items = grown
        points.room = room
    points.items[points.count].at = at
    points.items[points.count].slot = slot
    points.count += 1
    return 0


cdef int table_open(Table* table, size_t entries, uint32_t length) noexcept nogil:
    """Room for `entries` d-mers at a load of at most one half; -1 without memory."""
    cdef size_t slots = 16
    while slots < entries * 2:
        slots *= 2
    memset(table, 0, sizeof(Table))
    table.entries = <Entry*>malloc(slots * sizeof(Entry))
    if table.entries == NULL:
        return -1
    memset(table.entries, 0xFF, slots * sizeof(Entry))
    table.mask = slots - 1
    table.length = length
    return 0


cdef inline uint32_t _find(const Table* table, uint64_t hash) noexcept nogil:
    """The d-mer's slot, or the free one where it would stand."""
    cdef uint64_t slot = hash & table.mask
    while table.entries[slot].hash != hash and table.entries[slot].hash != _free_slot():
        slot = (slot + 1) & table.mask
    return <uint32_t>slot


cdef int table_add(Table* table, uint64_t hash) noexcept nogil:
    """Enter a d-mer; -1 when the table is full."""
    cdef Entry* entry = &table.entries[_find(table, hash)]
    if hash == _free_slot() or entry.hash == hash:
        return 0
    if 2 * (table.used + 1) > table.mask + 1:
        return -1
    table.used += 1
    entry.hash = hash
    entry.weight = 0
    entry.stamp = 0
    return 0


cdef inline int _take(const Table* table, uint64_t hash, uint32_t at, Points* points) noexcept nogil:
    """Append a point if the table has the d-mer; -1 without memory."""
    cdef uint32_t slot
    slot = _find(table, hash)
    if table.entries[slot].hash != hash or hash == _free_slot():
        return 0
    return points_add(points, at, slot)


cdef int points_scan(const Table* table, const uint8_t* data, size_t size, Points* points) noexcept nogil:
    """Append a point for every d-mer of the table in data[0:size]; -1 without memory."""
    cdef size_t d = table.length
    cdef size_t at = 0
    cdef uint64_t h, mixed
    cdef uint64_t power = dmer_power(d)
    cdef uint64_t threshold = table.threshold
    if size < d or table.used == 0:
        return 0
    h = dmer_hash(data, d)
    while True:
        mixed = dmer_mix(h)
        if mixed <= threshold and _take(table, mixed, <uint32_t>at, points) < 0:
            return -1
        if at + d >= size:
            return 0
        h = dmer_roll(h, data[at], data[at + d], power)
        at += 1


cdef int store_add(
    Store* store, Table* table, Points* points, uint32_t document, uint64_t offset, uint32_t size
) noexcept nogil:
    """Keep the points of a slice, which must be in the order of their places; -1 without memory."""
    cdef size_t i, room
    cdef Slice* grown
    if store.count == store.room:
        room = store.room * 2 + 256
        grown = <Slice*>realloc(store.slices, room * sizeof(Slice))
        if grown == NULL:
            return -1
        store.slices = grown
        store.room = room
    store.slices[store.count].offset = offset
    store.slices[store.count].first = store.points.count
    store.slices[store.count].document = document
    store.slices[store.count].size = size
    for i in range(points.count):
        # The threshold may have fallen since they were found.
        if table.entries[points.items[i].slot].hash <= table.threshold:
            if points_add(&store.points, points.items[i].at, points.items[i].slot) < 0:
                return -1
    store.slices[store.count].count = <uint32_t>(store.points.count - store.slices[store.count].first)
    store.count += 1
    while store.points.count > store.limit:
        table.threshold >>= 1
        _drop(store, table)
    return 0


cdef void _drop(Store* store, const Table* table) noexcept nogil:
    """Remove the points above the threshold."""
    cdef size_t i, k, kept = 0, first
    cdef Slice* slice
    for i in range(store.count):
        slice = &store.slices[i]
        first = kept
        for k in range(slice.first, slice.first + slice.count):
            if table.entries[store.points.items[k].slot].hash <= table.threshold:
                store.points.items[kept] = store.points.items[k]
                kept += 1
        slice.first = first
        slice.count = <uint32_t>(kept - first)
    store.points.count = kept


cdef int _slice_order(const void* a, const void* b) noexcept nogil:
    """For qsort: by document, then by offset."""
    cdef const Slice* left = <const Slice*>a
    cdef const Slice* right = <const Slice*>b
    if left.document != right.document:
        return -1 if left.document < right.document else 1
    if left.offset != right.offset:
        return -1 if left.offset < right.offset else 1
    return (left.size > right.size) - (left.size < right.size)


cdef void points_weigh(Store* store, Table* table, uint32_t limit) noexcept nogil:
    """Sort the slices; weight of a d-mer = documents that have it, less one, at most `limit`."""
    cdef size_t i, k
    cdef Entry* entry
    qsort(store.slices, store.count, sizeof(Slice), _slice_order)
    for i in range(table.mask + 1):
        table.entries[i].weight = 0
        table.entries[i].stamp = 0
    table.stamp = 0
    for i in range(store.count):
        if i == 0 or store.slices[i].document != store.slices[i - 1].document:
            table.stamp += 1
        for k in range(store.slices[i].first, store.slices[i].first + store.slices[i].count):
            entry = &table.entries[store.points.items[k].slot]
            if entry.stamp != table.stamp:
                entry.stamp = table.stamp
                entry.weight += 1
    for i in range(table.mask + 1):
        if table.entries[i].weight > limit + 1:
            table.entries[i].weight = limit + 1
        if table.entries[i].weight:
            table.entries[i].weight -= 1


cdef void store_close(Store* store) noexcept nogil:
    """Free what the store holds."""
    free(store.points.items)
    free(store.slices)
    memset(store, 0, sizeof(Store))
