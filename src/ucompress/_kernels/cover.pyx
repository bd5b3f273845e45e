"""Private kernel: choosing the windows of a dictionary (see cover.pxd)."""

from libc.stdint cimport uint32_t, uint64_t
from libc.stddef cimport size_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memset

from ucompress._kernels.points cimport Entry, Point
from ucompress._kernels.windows cimport NO_WINDOW, WINDOW_LEAD, WINDOW_SHORTEST, Window, window_score

cdef enum:
    FRAGMENT = 128             # what is left of a split window is worth taking from here on
    CELL_BITS = 12             # chosen bytes are looked up by cells of this size


cdef struct Node:
    uint64_t score
    uint32_t window
    uint32_t start             # bytes from the window's own start
    uint32_t stop


cdef struct Heap:
    Node* nodes
    size_t count
    size_t room


cdef struct Index:
    uint32_t* heads            # by hash of (document, cell)
    uint32_t* nexts            # two per choice: a choice may touch two cells
    uint64_t mask


cdef inline bint _leads(const Pool* pool, const Node* a, const Node* b) noexcept nogil:
    """Total order of nodes: score, then key, document and offset of the bytes."""
    cdef const Window* v = &pool.windows[a.window]
    cdef const Window* w = &pool.windows[b.window]
    if a.score != b.score:
        return a.score > b.score
    if v.key != w.key:
        return v.key < w.key
    if v.document != w.document:
        return v.document < w.document
    return v.offset + a.start < w.offset + b.start


cdef int _push(Heap* heap, const Pool* pool, const Node* node) noexcept nogil:
    """Insert; -1 without memory."""
    cdef size_t at = heap.count, parent, room
    cdef Node* grown
    if heap.count == heap.room:
        room = heap.room * 2 + 64
        grown = <Node*>realloc(heap.nodes, room * sizeof(Node))
        if grown == NULL:
            return -1
        heap.nodes = grown
        heap.room = room
    heap.count += 1
    while at > 0:
        parent = (at - 1) // 2
        if not _leads(pool, node, &heap.nodes[parent]):
            break
        heap.nodes[at] = heap.nodes[parent]
        at = parent
    heap.nodes[at] = node[0]
    return 0


cdef void _sink(Heap* heap, const Pool* pool, size_t at) noexcept nogil:
    """Restore the order below `at`."""
    cdef Node node = heap.nodes[at]
    cdef size_t child
    while True:
        child = 2 * at + 1
        if child >= heap.count:
            break
        if child + 1 < heap.count and _leads(pool, &heap.nodes[child + 1], &heap.nodes[child]):
            child += 1
        if not _leads(pool, &heap.nodes[child], &node):
            break
        heap.nodes[at] = heap.nodes[child]
        at = child
    heap.nodes[at] = node


cdef Node _pop(Heap* heap, const Pool* pool) noexcept nogil:
    """Remove the leader."""
    cdef Node top = heap.nodes[0]
    heap.count -= 1
    if heap.count > 0:
        heap.nodes[0] = heap.nodes[heap.count]
        _sink(heap, pool, 0)
    return top


cdef inline uint64_t _cell(const Index* index, uint32_t document, uint64_t cell) noexcept nogil:
    """Bucket of a cell of a document."""
    cdef uint64_t h = cell * <uint64_t>0x9E3779B97F4A7C15 ^ document * <uint64_t>0xC4CEB9FE1A85EC53
    return (h ^ (h >> 32)) & index.mask


cdef const Choice* _overlapping(
    const Index* index, const Choice* choices, uint32_t document, uint64_t start, uint64_t stop
) noexcept nogil:
    """The first choice that shares bytes with [start, stop) of a document, or NULL."""
    cdef uint64_t cell
    cdef uint32_t link
    cdef const Choice* choice
    cdef const Choice* lowest = NULL
    for cell in range(start >> CELL_BITS, ((stop - 1) >> CELL_BITS) + 1):
        link = index.heads[_cell(index, document, cell)]
        while link != NO_WINDOW:
            choice = &choices[link >> 1]
            if choice.document == document and choice.offset < stop and start < choice.offset + choice.length:
                if lowest == NULL or choice.offset < lowest.offset:
                    lowest = choice
            link = index.nexts[link]
    return lowest


cdef void _enter(Index* index, const Choice* choice, size_t number) noexcept nogil:
    """Make choice `number` known to `_overlapping`."""
    cdef uint64_t first = choice.offset >> CELL_BITS
    cdef uint64_t last = (choice.offset + choice.length - 1) >> CELL_BITS
    cdef uint64_t bucket = _cell(index, choice.document, first)
    index.nexts[2 * number] = index.heads[bucket]
    index.heads[bucket] = <uint32_t>(2 * number)
    if last != first:
        bucket = _cell(index, choice.document, last)
        index.nexts[2 * number + 1] = index.heads[bucket]
        index.heads[bucket] = <uint32_t>(2 * number + 1)


cdef uint64_t _rescore(const Table* table, const Pool* pool, Node* node, uint32_t marker) noexcept nogil:
    """Trim a node to its uncovered d-mers and score it; returns their weight."""
    cdef const Window* window = &pool.windows[node.window]
    cdef const Point* point = pool.points.items + window.first
    cdef const Entry* entry
    cdef uint64_t weight = 0
    cdef uint32_t first = NO_WINDOW, last = 0, start, stop
    cdef size_t i
    for i in range(window.count):
        entry = &table.entries[point[i].slot]
        if point[i].at >= node.start and point[i].at + table.length <= node.stop and entry.stamp != marker:
            weight += entry.weight
            last = point[i].at
            if first == NO_WINDOW:
                first = last
    if weight == 0:
        return 0
    start = first - WINDOW_LEAD if first > node.start + WINDOW_LEAD else node.start
    stop = last + table.length + WINDOW_LEAD
    if stop < start + WINDOW_SHORTEST:
        stop = start + WINDOW_SHORTEST
    if stop > node.stop:
        stop = node.stop
        if stop - start < WINDOW_SHORTEST:
            start = stop - WINDOW_SHORTEST if stop > node.start + WINDOW_SHORTEST else node.start
    node.start = start
    node.stop = stop
    node.score = window_score(weight, stop - start)
    return weight


cdef void _cover(Table* table, const Pool* pool, const Node* node, uint32_t marker) noexcept nogil:
    """The d-mers of a chosen node are worth nothing from now on."""
    cdef const Window* window = &pool.windows[node.window]
    cdef const Point* point = pool.points.items + window.first
    cdef size_t i
    for i in range(window.count):
        if point[i].at >= node.start and point[i].at + table.length <= node.stop:
            table.entries[point[i].slot].stamp = marker


cdef int _split(
    Heap* heap, const Table* table, const Pool* pool, const Node* node, const Choice* taken, uint32_t marker
) noexcept nogil:
    """Push what lies on both sides of bytes that were chosen before."""
    cdef uint64_t offset = pool.windows[node.window].offset
    cdef Node part
    if taken.offset >= offset + node.start + FRAGMENT:
        part = node[0]
        part.stop = <uint32_t>(taken.offset - offset)
        if _rescore(table, pool, &part, marker) and _push(heap, pool, &part) < 0:
            return -1
    if taken.offset + taken.length + FRAGMENT <= offset + node.stop:
        part = node[0]
        part.start = <uint32_t>(taken.offset + taken.length - offset)
        if _rescore(table, pool, &part, marker) and _push(heap, pool, &part) < 0:
            return -1
    return 0


cdef long long _greedy(
    Table* table, const Pool* pool, Heap* heap, Index* index,
    uint64_t size, uint64_t worth, Choice* choices, size_t room,
) noexcept nogil:
    """The loop of `cover_select`, with its scratch at hand."""
    cdef uint32_t marker
    cdef uint64_t total = 0, weight
    cdef size_t chosen = 0
    cdef Node node
    cdef Choice choice
    cdef const Choice* taken
    table.stamp += 1
    marker = table.stamp
    while heap.count > 0 and chosen < room and total + FRAGMENT <= size:
        node = _pop(heap, pool)
        choice.document = pool.windows[node.window].document
        choice.offset = pool.windows[node.window].offset
        taken = _overlapping(
            index, choices, choice.document, choice.offset + node.start, choice.offset + node.stop
        )
        if taken != NULL:
            if _split(heap, table, pool, &node, taken, marker) < 0:
                return COVER_NO_MEMORY
            continue
        weight = _rescore(table, pool, &node, marker)
        if weight == 0 or (weight * worth) >> 14 < node.stop - node.start:
            continue
        if heap.count > 0 and _leads(pool, &heap.nodes[0], &node):
            if _push(heap, pool, &node) < 0:
                return COVER_NO_MEMORY
            continue
        if total + (node.stop - node.start) > size:
            node.stop = node.start + <uint32_t>(size - total)
        _cover(table, pool, &node, marker)
        choice.offset += node.start
        choice.length = node.stop - node.start
        choice.score = node.score
        choices[chosen] = choice
        _enter(index, &choices[chosen], chosen)
        chosen += 1
        total += choice.length
    return <long long>chosen


cdef long long cover_select(
    Table* table, const Pool* pool, uint64_t size, uint64_t worth, Choice* choices, size_t room
) noexcept nogil:
    """Choose windows of at most `size` bytes in all, best first.

    Args:
        worth: bytes that one unit of weight stands for, times 2^16. A window that stands for
            less than a quarter of its own bytes is not taken: copies shorter than a sampled
            d-mer tells of pay for the rest (measured: a quarter is 1-3 % better than the whole).
        choices: where they go, at most `room` of them.

    Returns:
        Their number, or COVER_NO_MEMORY.
    """
    cdef Heap heap
    cdef Index index
    cdef size_t i
    cdef long long result = COVER_NO_MEMORY
    heap.count = pool.count
    heap.room = pool.count + 64
    heap.nodes = <Node*>malloc(heap.room * sizeof(Node))
    index.mask = 1
    while index.mask < 2 * room:
        index.mask = 2 * index.mask + 1
    index.heads = <uint32_t*>malloc((index.mask + 1) * sizeof(uint32_t))
    index.nexts = <uint32_t*>malloc((2 * room + 2) * sizeof(uint32_t))
    if heap.nodes != NULL and index.heads != NULL and index.nexts != NULL:
        memset(index.heads, 0xFF, (index.mask + 1) * sizeof(uint32_t))
        for i in range(pool.count):
            heap.nodes[i].score = pool.windows[i].score
            heap.nodes[i].window = <uint32_t>i
            heap.nodes[i].start = 0
            heap.nodes[i].stop = pool.windows[i].length
        for i in range(pool.count // 2, 0, -1):
            _sink(&heap, pool, i - 1)
        result = _greedy(table, pool, &heap, &index, size, worth, choices, room)
    free(heap.nodes)
    free(index.heads)
    free(index.nexts)
    return result
