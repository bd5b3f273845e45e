"""Private kernel: candidate windows for a dictionary (see windows.pxd)."""

from libc.stdint cimport uint32_t, uint64_t
from libc.stddef cimport size_t
from libc.stdlib cimport free, malloc, qsort, realloc
from libc.string cimport memcpy, memset

from ucompress._kernels.points cimport Entry, points_add

cdef enum:
    OVERHEAD = 4096            # what a window costs beyond its bytes: matches end at its borders
    SCALES = 4                 # lengths tried: 1, 2, 3 and 4 KiB
    SCALE = 1024
    CELL = 512                 # one window at most starts in a cell


cdef struct Span:
    uint64_t score
    size_t first               # points[first:end]
    size_t end


cdef uint64_t window_score(uint64_t weight, uint64_t length) noexcept nogil:
    """Weight per byte; the overhead makes one long window dearer than none, cheaper than two."""
    return (weight << 20) // (length + OVERHEAD)


cdef bint window_precedes(const Window* a, const Window* b) noexcept nogil:
    """Whether a is the better one: a total order, so that results depend on no other order."""
    if a.score != b.score:
        return a.score > b.score
    if a.key != b.key:
        return a.key < b.key
    if a.document != b.document:
        return a.document < b.document
    if a.offset != b.offset:
        return a.offset < b.offset
    return a.length < b.length


cdef int window_cut(Table* table, Pool* pool, const Point* points, const Slice* slice) noexcept nogil:
    """Propose windows over a slice's points, best of their cell; -1 without memory.

    A d-mer that stands several times in the slice counts where it stands first.
    """
    cdef Points fresh
    cdef size_t i
    cdef Entry* entry
    cdef int status = 0
    memset(&fresh, 0, sizeof(Points))
    table.stamp += 1
    for i in range(slice.count):
        entry = &table.entries[points[i].slot]
        if entry.weight and entry.stamp != table.stamp:
            entry.stamp = table.stamp
            if points_add(&fresh, points[i].at, points[i].slot) < 0:
                status = -1
                break
    if status == 0:
        status = _cut(table, pool, &fresh, slice)
    free(fresh.items)
    return status


cdef int _cut(const Table* table, Pool* pool, const Points* points, const Slice* slice) noexcept nogil:
    """For every point the best of SCALES lengths; the best of every cell goes to the pool."""
    cdef size_t[4] ends = [0, 0, 0, 0]
    cdef uint64_t[4] sums = [0, 0, 0, 0]
    cdef const Point* p = points.items
    cdef size_t i, k, cell, current = 0
    cdef unsigned int scale
    cdef uint64_t score, stop
    cdef Span best
    memset(&best, 0, sizeof(Span))
    for i in range(points.count):
        cell = p[i].at // CELL
        if cell != current:
            if best.score and _keep(table, pool, points, &best, slice) < 0:
                return -1
            current = cell
            best.score = 0
        for scale in range(<unsigned int>SCALES):
            # Both ends of a scale's window only move forward, so all scans are linear.
            stop = p[i].at + (scale + 1) * SCALE - 2 * WINDOW_LEAD - table.length
            k = ends[scale]
            while k < points.count and p[k].at <= stop:
                sums[scale] += table.entries[p[k].slot].weight
                k += 1
            ends[scale] = k
            score = window_score(sums[scale], _span(p[i].at, p[k - 1].at + table.length))
            if score > best.score:
                best.score = score
                best.first = i
                best.end = k
            sums[scale] -= table.entries[p[i].slot].weight
    return _keep(table, pool, points, &best, slice) if best.score else 0


cdef inline uint64_t _span(uint64_t first, uint64_t stop) noexcept nogil:
    """Bytes of a window around d-mers from `first` to `stop`."""
    cdef uint64_t span = stop - first + 2 * WINDOW_LEAD
    return span if span > WINDOW_SHORTEST else WINDOW_SHORTEST


cdef void _bounds(uint64_t* start, uint64_t* stop, uint64_t size) noexcept nogil:
    """Widen [start, stop) by the lead, and to the shortest window, within [0, size)."""
    start[0] = start[0] - WINDOW_LEAD if start[0] > WINDOW_LEAD else 0
    stop[0] = stop[0] + WINDOW_LEAD
    if stop[0] < start[0] + WINDOW_SHORTEST:
        stop[0] = start[0] + WINDOW_SHORTEST
    if stop[0] > size:
        stop[0] = size
        if size - start[0] < WINDOW_SHORTEST:
            start[0] = size - WINDOW_SHORTEST if size > WINDOW_SHORTEST else 0


cdef int _keep(
    const Table* table, Pool* pool, const Points* points, const Span* span, const Slice* slice
) noexcept nogil:
    """Put a window into the pool if it is the best of its key; -1 without memory."""
    cdef Window window
    cdef const Point* p = points.items
    cdef uint64_t start = p[span.first].at
    cdef uint64_t stop = p[span.end - 1].at + table.length
    cdef uint64_t weight = 0, hash
    cdef size_t i
    _bounds(&start, &stop, slice.size)
    window.key_slot = p[span.first].slot
    window.key = table.entries[window.key_slot].hash
    for i in range(span.first, span.end):
        weight += table.entries[p[i].slot].weight
        hash = table.entries[p[i].slot].hash
        if hash < window.key:
            window.key = hash
            window.key_slot = p[i].slot
    window.document = slice.document
    window.offset = slice.offset + start
    window.length = <uint32_t>(stop - start)
    window.count = <uint32_t>(span.end - span.first)
    window.score = window_score(weight, window.length)
    return _enter(pool, &window, p + span.first, <uint32_t>start)


cdef int _enter(Pool* pool, Window* window, const Point* points, uint32_t start) noexcept nogil:
    """The window for its key, if it precedes the one that is there; -1 without memory."""
    cdef uint32_t owner = pool.owners[window.key_slot]
    cdef size_t i
    if owner != NO_WINDOW and not window_precedes(window, &pool.windows[owner]):
        return 0
    if owner == NO_WINDOW and pool.count >= 2 * pool.limit and pool_trim(pool) < 0:
        return -1
    window.first = pool.points.count
    for i in range(window.count):
        if points_add(&pool.points, points[i].at - start, points[i].slot) < 0:
            return -1
    if owner == NO_WINDOW:
        return _append(pool, window)
    pool.dead += pool.windows[owner].count
    pool.windows[owner] = window[0]
    return _compact(pool) if pool.dead > pool.points.count // 2 + 4096 else 0


cdef int _append(Pool* pool, const Window* window) noexcept nogil:
    """Add a window of a new key; -1 without memory."""
    cdef size_t room
    cdef Window* grown
    if pool.count == pool.room:
        room = pool.room * 2 + 1024
        grown = <Window*>realloc(pool.windows, room * sizeof(Window))
        if grown == NULL:
            return -1
        pool.windows = grown
        pool.room = room
    pool.windows[pool.count] = window[0]
    pool.owners[window.key_slot] = <uint32_t>pool.count
    pool.count += 1
    return 0


cdef int pool_open(Pool* pool, const Table* table, size_t limit) noexcept nogil:
    """An empty pool that ends with at most `limit` windows; -1 without memory."""
    cdef size_t slots = table.count + 1
    memset(pool, 0, sizeof(Pool))
    pool.limit = limit
    pool.owners = <uint32_t*>malloc(slots * sizeof(uint32_t))
    if pool.owners == NULL:
        return -1
    memset(pool.owners, 0xFF, slots * sizeof(uint32_t))
    return 0


cdef void pool_close(Pool* pool) noexcept nogil:
    """Free what the pool holds."""
    free(pool.windows)
    free(pool.owners)
    free(pool.points.items)
    memset(pool, 0, sizeof(Pool))


cdef int _compare(const void* a, const void* b) noexcept nogil:
    """For qsort: the better window first."""
    if window_precedes(<const Window*>a, <const Window*>b):
        return -1
    return 1 if window_precedes(<const Window*>b, <const Window*>a) else 0


cdef int pool_trim(Pool* pool) noexcept nogil:
    """Put the best windows first and drop those beyond the limit; -1 without memory.

    Dropping early cannot change the end: a window goes only when `limit` keys have a better
    one, and the best of a key only ever gets better.
    """
    cdef size_t i
    qsort(pool.windows, pool.count, sizeof(Window), _compare)
    for i in range(pool.count):
        if i < pool.limit:
            pool.owners[pool.windows[i].key_slot] = <uint32_t>i
        else:
            pool.owners[pool.windows[i].key_slot] = NO_WINDOW
    if pool.count > pool.limit:
        pool.count = pool.limit
    return _compact(pool)


cdef int _compact(Pool* pool) noexcept nogil:
    """Copy the points of the windows that stand; -1 without memory."""
    cdef Points kept
    cdef Window* window
    cdef size_t i, need = 0
    for i in range(pool.count):
        need += pool.windows[i].count
    kept.room = need + need // 2 + 1024
    kept.count = 0
    kept.items = <Point*>malloc(kept.room * sizeof(Point))
    if kept.items == NULL:
        return -1
    for i in range(pool.count):
        window = &pool.windows[i]
        memcpy(kept.items + kept.count, pool.points.items + window.first, window.count * sizeof(Point))
        window.first = kept.count
        kept.count += window.count
    free(pool.points.items)
    pool.points = kept
    pool.dead = 0
    return 0
