# Bindings: zero runs, classes, anchors and long copies. Follows buffers.pxi.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from ucompress._kernels cimport content as _content
from ucompress._kernels cimport segments as _segments


cdef enum:
    ANCHOR_LENGTH = 160
    LEAST_SPACING = 256
    MOST_ANCHORS = 1 << 21

_FARTHEST = 1 << 62  # bytes; more than any buffer or address


cdef size_t uc_find_zero_runs(
    const uint8_t* data, size_t length, size_t minimum, int64_t* runs
) noexcept nogil:
    return _content.find_zero_runs(data, length, minimum, runs)


cdef int uc_classify(const uint8_t* data, size_t length) noexcept nogil:
    return _content.classify(data, length)


def find_zero_runs(data, minimum=4096):
    """Maximal runs of at least `minimum` zero bytes: an (n, 2) int64 array of (start, end)."""
    cdef size_t least = _checked(minimum, "minimum", 1, _FARTHEST)
    cdef _Borrowed source = _Borrowed(data)
    cdef size_t room = source.size // least
    cdef size_t count
    cdef int64_t* runs = <int64_t*>malloc((2 * room + 1) * sizeof(int64_t))
    if runs == NULL:
        raise MemoryError("no memory for zero runs")
    try:
        with nogil:
            count = uc_find_zero_runs(source.data, source.size, least, runs)
        return _copied(runs, count, np.int64, 2)
    finally:
        free(runs)


cdef object _copied(const void* rows, size_t count, object dtype, size_t columns):
    """The rows as a new array of this shape and of a dtype of 64 bits."""
    out = np.empty((count, columns), dtype=dtype)
    cdef _Borrowed target = _Borrowed(out, True)
    if count:
        memcpy(target.view.buf, rows, target.size)
    return out


def classify(data):
    """What kind of bytes these are: 0 text, 1 binary, 2 dense (compressed already), by a sample."""
    cdef _Borrowed source = _Borrowed(data)
    cdef int kind
    with nogil:
        kind = uc_classify(source.data, source.size)
    return kind


cdef size_t uc_match_forward(const uint8_t* a, const uint8_t* b, size_t limit) noexcept nogil:
    return _segments.match_forward(a, b, limit)


cdef size_t uc_match_backward(const uint8_t* a, const uint8_t* b, size_t limit) noexcept nogil:
    return _segments.match_backward(a, b, limit)


def extend_match(data, position, low, high, source, source_position, source_low, source_high):
    """Grow a match at data[position] = source[source_position] both ways.

    Bytes outside [low, high) of `data` and [source_low, source_high) of `source` are not
    looked at. Returns (bytes equal before, bytes equal from the position on). ValueError
    where a position or a bound lies outside its buffer.
    """
    cdef _Borrowed a = _Borrowed(data)
    cdef _Borrowed b = _Borrowed(source)
    cdef size_t p, a_low, a_high, q, b_low, b_high
    cdef size_t back, forward
    if not (0 <= low <= position <= high <= a.size
            and 0 <= source_low <= source_position <= source_high <= b.size):
        raise ValueError("position and bounds must lie in order inside their buffer")
    p, a_low, a_high = position, low, high
    q, b_low, b_high = source_position, source_low, source_high
    with nogil:
        forward = uc_match_forward(a.data + p, b.data + q, min(a_high - p, b_high - q))
        back = uc_match_backward(a.data + p, b.data + q, min(p - a_low, q - b_low))
    return back, forward


cdef size_t uc_anchor_spacing(uint64_t total) noexcept nogil:
    """`anchor_spacing` for C callers."""
    cdef size_t spacing = LEAST_SPACING
    while total // spacing > MOST_ANCHORS:
        spacing *= 2
    return spacing


def anchor_spacing(total):
    """Expected bytes from one anchor to the next: 256, doubled while `total` bytes give over 2^21."""
    return uc_anchor_spacing(_checked(total, "total", 0, _FARTHEST))


cdef inline size_t anchor_room(size_t size, size_t spacing) noexcept nogil:
    """The most anchors of so many bytes."""
    return size // max(spacing // 8, <size_t>1) + 1


cdef Py_ssize_t uc_find_anchors(
    const uint8_t* data, size_t size, size_t spacing, size_t length, Anchor* anchors, size_t room
) noexcept nogil:
    """Write the first `room` anchors; returns how many were written, -1 for a value that is not allowed."""
    cdef _segments.AnchorRule rule
    if spacing < 1 or length < 1 or length > DMER_LIMIT:
        return -1
    _make_rule(&rule, spacing, length)
    return _segments.find_anchors(&rule, data, size, anchors, room)


cdef void _make_rule(_segments.AnchorRule* rule, size_t spacing, size_t length) noexcept nogil:
    """Anchors of `length` bytes, about one in `spacing`; the threshold is 2^64 // spacing - 1."""
    _segments.anchor_rule(
        rule, length, (<uint64_t>0 - spacing) // spacing, max(spacing // 8, <size_t>1)
    )


def find_anchors(data, spacing, length=ANCHOR_LENGTH):
    """Positions that the bytes themselves choose, about one in `spacing`.

    `length` is the size in bytes of the d-mer that is hashed, 1 to 256. Returns an (n, 2) uint64 array
    of (hash, position) in order of position, never closer than spacing // 8.
    """
    cdef size_t d = _checked(length, "length", 1, DMER_LIMIT)
    cdef size_t apart = _checked(spacing, "spacing", 1, _FARTHEST)
    cdef _Borrowed source = _Borrowed(data)
    cdef size_t room = anchor_room(source.size, apart) if source.size >= d else 1
    cdef Py_ssize_t count
    cdef Anchor* anchors = <Anchor*>malloc(room * sizeof(Anchor))
    if anchors == NULL:
        raise MemoryError("no memory for anchors")
    try:
        with nogil:
            count = uc_find_anchors(source.data, source.size, apart, d, anchors, room)
        return _copied(anchors, count, np.uint64, 2)
    finally:
        free(anchors)


cdef unsigned int table_bits(uint64_t total, size_t spacing) noexcept nogil:
    """The size of an index, as a power of two: two slots for each anchor, within bounds."""
    cdef unsigned int bits = 10
    while bits < 22 and (<uint64_t>1 << bits) < 2 * (total // spacing):
        bits += 1
    return bits


cdef size_t uc_index_trace(
    SegmentIndex index, const Anchor* anchors, size_t count, uint64_t base, uint64_t first, int64_t* hits
) noexcept nogil:
    """`SegmentIndex.trace` for C callers; returns how many pairs were written."""
    cdef _segments.SegmentTable table
    table.slots = index.slots
    table.bits = index.bits
    return _segments.trace_anchors(&table, anchors, count, base, first, hits)


cdef class SegmentIndex:
    """Where the anchors of earlier bytes stand: a bounded table for finding long copies.

    An *address* is a place in all bytes laid end to end. `total` is how many bytes there will
    be; the table's size and the anchors' spacing follow from it alone, at most 32 MiB.

    Attributes:
        length: bytes that an anchor hashes, 1 to 256.
        spacing: expected bytes from one anchor to the next.

    Not for use by several threads at once.
    """

    def __cinit__(self, total, *, length=ANCHOR_LENGTH):
        total = _checked(total, "total", 0, _FARTHEST)
        self.length = _checked(length, "length", 1, DMER_LIMIT)
        self.spacing = anchor_spacing(total)
        self.bits = table_bits(total, self.spacing)
        _make_rule(&self.rule, self.spacing, self.length)
        self.slots = <uint64_t*>calloc(<size_t>1 << self.bits, sizeof(uint64_t))
        if self.slots == NULL:
            raise MemoryError("no memory for the index of long copies")

    def __dealloc__(self):
        free(self.slots)

    @property
    def nbytes(self):
        """Bytes of the table."""
        return (<size_t>1 << self.bits) * sizeof(uint64_t)

    def trace(self, anchors, base, first):
        """Candidates for the anchors of bytes that stand at address `base`; then remember them.

        `anchors` comes from `find_anchors` with this index's `spacing` and `length`. `first`
        is the first address of the content that the bytes belong to: places at or above it are
        not replaced. Returns an (n, 2) int64 array of (position, address of an earlier
        occurrence), in order of position; only the bytes can tell whether it is one.
        """
        cdef const uint64_t[:, ::1] rows = anchors
        cdef uint64_t at = _checked(base, "base", 0, _FARTHEST)
        cdef uint64_t own = _checked(first, "first", 0, _FARTHEST)
        cdef size_t count = rows.shape[0]
        cdef size_t found
        cdef int64_t[:, ::1] out
        if rows.shape[1] != 2:
            raise ValueError("anchors must have two columns, hash and position")
        if count == 0:
            return np.empty((0, 2), dtype=np.int64)
        hits = np.empty((count, 2), dtype=np.int64)
        out = hits
        with nogil:
            found = uc_index_trace(self, <const Anchor*>&rows[0, 0], count, at, own, &out[0, 0])
        return hits[:found]

    def candidates(self, data, base, first=None):
        """`find_anchors`, then `trace`, in one call."""
        return self.trace(
            find_anchors(data, self.spacing, self.length), base, base if first is None else first
        )

    def trace_all(self, datas, base, first=None):
        """`find_all_anchors` and `trace_found` in one call: `candidates` of many buffers end to end."""
        table = list(datas)
        anchors, rows = find_all_anchors(table, self.spacing, self.length)
        return self.trace_found(anchors, rows, [len(data) for data in table], base, first)

    def trace_found(self, anchors, rows, sizes, base, first=None):
        """`trace` of many buffers that stand end to end from address `base` on.

        `anchors` and `rows` come from `find_all_anchors`, `sizes` are the buffers' bytes. `first` stands for
        all of them; without, each is a content of its own. Returns the candidates of all, positions being
        those in their buffer, and for each buffer the number of its first row, then that of all rows.
        """
        cdef const uint64_t[:, ::1] given = anchors
        cdef uint64_t at = _checked(base, "base", 0, _FARTHEST)
        cdef uint64_t own = _checked(at if first is None else first, "first", 0, _FARTHEST)
        cdef bint alone = first is None
        cdef size_t begin = 0, end, found = 0
        cdef list out = [0]
        hits = np.empty((given.shape[0], 2), dtype=np.int64)
        cdef _Borrowed target = _Borrowed(hits, True)
        if given.shape[1] != 2 or len(rows) != len(sizes) + 1:
            raise ValueError("anchors need two columns, and rows one number more than there are sizes")
        for size, last in zip(sizes, rows[1:], strict=True):
            end = _checked(last, "row", begin, given.shape[0])
            if end > begin:
                found += uc_index_trace(
                    self, <const Anchor*>&given[begin, 0], end - begin, at, at if alone else own,
                    <int64_t*>target.data + 2 * found
                )
            at += <uint64_t>_checked(size, "size", 0, _FARTHEST)
            begin = end
            out.append(found)
        return hits[:found], out


def find_segments(data, minimum=1024):
    """Copies of at least `minimum` bytes inside one buffer.

    Returns an (n, 3) int64 array of (position, source, length): the bytes at `position` are
    those at `source`, which end before `position`; rows do not overlap and are in order.
    Sampling may miss a copy, the likelier the nearer it is to the anchors' spacing of 256.
    """
    cdef size_t least = _checked(minimum, "minimum", 1, _FARTHEST)
    cdef _Borrowed source = _Borrowed(data)
    # One copy at most for each anchor, and no two on the same bytes.
    cdef size_t room = min(source.size // least, anchor_room(source.size, uc_anchor_spacing(source.size)))
    cdef Py_ssize_t count
    segments = np.empty((room, 3), dtype=np.int64)
    cdef _Borrowed target = _Borrowed(segments, True)
    with nogil:
        count = uc_find_segments(source.data, source.size, least, <int64_t*>target.data, room)
    if count < 0:
        raise MemoryError("no memory for the index of long copies")
    return segments[:count].copy()


cdef Py_ssize_t uc_find_segments(
    const uint8_t* data, size_t size, size_t minimum, int64_t* segments, size_t room
) noexcept nogil:
    """Write the first `room` copies; returns how many, -1 when memory is short or `minimum` is 0."""
    cdef _segments.SegmentTable table
    cdef size_t spacing = uc_anchor_spacing(size)
    cdef size_t most = anchor_room(size, spacing)
    cdef Anchor* anchors = <Anchor*>malloc(most * sizeof(Anchor))
    cdef int64_t* hits = <int64_t*>malloc(2 * most * sizeof(int64_t))
    cdef Py_ssize_t count = -1
    table.bits = table_bits(size, spacing)
    table.slots = <uint64_t*>calloc(<size_t>1 << table.bits, sizeof(uint64_t))
    if minimum and anchors != NULL and hits != NULL and table.slots != NULL:
        most = uc_find_anchors(data, size, spacing, ANCHOR_LENGTH, anchors, most)
        most = _segments.trace_anchors(&table, anchors, most, 0, 0, hits)
        count = copies_at(data, size, minimum, hits, most, segments, room)
    free(anchors)
    free(hits)
    free(table.slots)
    return count


cdef size_t copies_at(
    const uint8_t* data, size_t size, size_t minimum, const int64_t* hits, size_t count,
    int64_t* segments, size_t room,
) noexcept nogil:
    """Grow the candidates into copies that do not overlap; how many were written."""
    cdef size_t p, q, back, forward, i
    cdef size_t done = 0
    cdef size_t found = 0
    for i in range(count):
        p = hits[2 * i]
        q = hits[2 * i + 1]
        if p < done or q >= p or found == room:
            continue
        back = _segments.match_backward(data + p, data + q, min(p - done, q))
        # The source must end before the copy begins.
        if back >= p - q:
            continue
        forward = _segments.match_forward(data + p, data + q, min(size - p, p - q - back))
        if back + forward < minimum:
            continue
        segments[3 * found] = p - back
        segments[3 * found + 1] = q - back
        segments[3 * found + 2] = back + forward
        done = p + forward
        found += 1
    return found
