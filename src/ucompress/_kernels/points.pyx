"""Private kernel: places of shared d-mers, and in how many documents each stands (see points.pxd)."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stddef cimport size_t
from libc.stdlib cimport calloc, free, qsort, realloc
from libc.string cimport memset

from ucompress._kernels.sampling cimport SAMPLE_SPAN, sample_span

cdef enum:
    FEW = 4                    # entries that are not worth halving


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


cdef int table_open(Table* table, const uint64_t* hashes, size_t count, uint32_t length) noexcept nogil:
    """A table of `count` distinct hashes in rising order; -1 without memory (close it all the same)."""
    cdef size_t bucket = 0
    cdef size_t i
    memset(table, 0, sizeof(Table))
    table.buckets = 16
    while table.buckets < count:
        table.buckets *= 2
    table.entries = <Entry*>calloc(count + 1, sizeof(Entry))
    table.starts = <uint32_t*>calloc(table.buckets + 1, sizeof(uint32_t))
    if table.entries == NULL or table.starts == NULL:
        return -1
    table.count = count
    table.length = length
    table.highest = hashes[count - 1] if count else 0
    while table.highest >> table.shift >= table.buckets:
        table.shift += 1
    for i in range(count):
        table.entries[i].hash = hashes[i]
        while bucket < hashes[i] >> table.shift:
            bucket += 1
            table.starts[bucket] = <uint32_t>i
    while bucket < table.buckets:
        bucket += 1
        table.starts[bucket] = <uint32_t>count
    return 0


cdef void table_close(Table* table) noexcept nogil:
    """Free what the table holds."""
    free(table.entries)
    free(table.starts)
    memset(table, 0, sizeof(Table))


cdef inline size_t _find(const Table* table, uint64_t hash) noexcept nogil:
    """The d-mer's slot, or `count` where the table does not have it."""
    cdef size_t low, high, middle
    if hash > table.highest:
        return table.count
    low = table.starts[hash >> table.shift]
    high = table.starts[(hash >> table.shift) + 1]
    while high - low > FEW:
        middle = low + (high - low) // 2
        if table.entries[middle].hash <= hash:
            low = middle
        else:
            high = middle
    while low < high and table.entries[low].hash < hash:
        low += 1
    return low if low < high and table.entries[low].hash == hash else table.count


cdef int points_scan(
    const Table* table, const Sampler* sampler, const uint8_t* data, size_t size, Sample* scratch,
    Points* points,
) noexcept nogil:
    """Append a point for every d-mer of the table in data[0:size]; -1 without memory.

    The sampler takes d-mers of the table's length, up to its threshold at least; `scratch` has
    room for SAMPLE_SPAN samples.
    """
    cdef size_t done = 0
    cdef size_t part, found, i, slot
    if size < table.length or table.count == 0:
        return 0
    while done < size - table.length + 1:
        part = min(size - table.length + 1 - done, <size_t>SAMPLE_SPAN)
        found = sample_span(sampler, data + done, part, scratch)
        for i in range(found):
            if scratch[i].hash > table.threshold:
                continue
            slot = _find(table, scratch[i].hash)
            if slot < table.count and points_add(
                points, <uint32_t>(done + scratch[i].position), <uint32_t>slot
            ) < 0:
                return -1
        done += part
    return 0


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
    if store.count:
        qsort(store.slices, store.count, sizeof(Slice), _slice_order)
    for i in range(table.count):
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
    for i in range(table.count):
        if table.entries[i].weight > limit + 1:
            table.entries[i].weight = limit + 1
        if table.entries[i].weight:
            table.entries[i].weight -= 1


cdef void store_close(Store* store) noexcept nogil:
    """Free what the store holds."""
    free(store.points.items)
    free(store.slices)
    memset(store, 0, sizeof(Store))
