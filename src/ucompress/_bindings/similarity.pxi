# Bindings: sketches and the order by likeness. Follows patterns.pxi.

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint64_t

from ucompress._kernels cimport similarity as _similarity


NO_HASH = 2**64 - 1


def sketch(data, k=16, length=16):
    """The `k` lowest distinct hashes of the d-mers of `data`, rising: a bottom-k sketch.

    Parameters:
        data: any C-contiguous buffer.
        k: most hashes, at least 1.
        length: d, bytes of a d-mer, from 1 to 256.

    The likeness of two contents shows in how many hashes their sketches share (Broder, "On the
    resemblance and containment of documents", 1997). The hashes are those of `count_patterns`;
    who knows the counts of all contents may choose from these the ones that tell most, as
    `ucompress.similarity.sketches` does. Returns a uint64 array, shorter than `k` where there are
    fewer d-mers. Raises ValueError for values out of range.

    >>> sketch(b"to be or not to be", 3).tolist() == sketch(b"to be or not to be")[:3].tolist()
    True
    """
    cdef size_t d = _checked(length, "length", 1, DMER_LIMIT)
    cdef uint64_t highest = HIGHEST_HASH
    cdef size_t most = _checked(k, "k", 1, 1 << 30)
    cdef _Borrowed source = _Borrowed(data)
    cdef CountTable table
    cdef int status
    try:
        with nogil:
            status = count_document(&table, source.data, source.size, d, highest, most, 0)
        if status:
            raise MemoryError("no memory for a sketch")
        return _table_array(&table)["hash"].copy()
    finally:
        table_free(&table)


def order_by_likeness(features, classes, sizes, *, weights=None, block=1 << 20, span=64):
    """An order of contents in which each block holds what shares most.

    Args:
        features: (n, m) uint64 array, for each content its features; NO_HASH is none.
        classes: for each content its class; only contents of one class are alike.
        sizes: for each content its bytes.
        weights: for each of the m columns what a shared feature counts; 1 unless given.
        block: bytes of contents that are compared as one.
        span: how many contents one feature may raise at a time.

    Returns:
        A permutation of 0 .. n-1 (int32). ValueError where shapes differ, a weight is 0, or
        the greatest weight times m is 1024 or more.
    """
    table = np.ascontiguousarray(features, dtype=np.uint64)
    if table.ndim != 2 or len(classes) != len(table) or len(sizes) != len(table):
        raise ValueError("features, classes and sizes must have one row for each content")
    count, columns = table.shape
    scales = np.ones(columns, dtype=np.uint16) if weights is None else np.array(weights, dtype=np.uint16)
    if len(scales) != columns or (scales == 0).any():
        raise ValueError("weights must be positive, one for each column")
    if columns and columns * int(scales.max()) >= _similarity.SCORES:
        raise ValueError("the number of columns times the greatest weight must be less than 1024")
    if block < 1 or span < 1:
        raise ValueError(f"block and span must be at least 1, not {block} and {span}")
    order = np.arange(count, dtype=np.int32)
    if count < 3 or columns == 0:
        return order
    numbers, starts, postings = _shared_features(table)
    if not len(postings):
        return order
    _order(numbers, scales, np.array(classes, dtype=np.uint8), np.array(sizes, dtype=np.int64),
           starts, postings, block, span, order)
    return order


def _shared_features(table):
    """Features that two contents or more have, numbered: (n, m) numbers, starts and postings."""
    flat = table.ravel()
    places = np.argsort(flat, kind="stable")
    values = flat[places]
    first = np.flatnonzero(np.append(True, np.diff(values) != 0))
    lengths = np.diff(np.append(first, len(values)))
    shared = (lengths > 1) & (values[first] != NO_HASH)
    kept = np.repeat(shared, lengths)
    places = places[kept]
    lengths = lengths[shared]
    numbers = np.full(len(flat), -1, dtype=np.int32)
    numbers[places] = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    starts = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=starts[1:])
    return numbers.reshape(table.shape), starts, (places // table.shape[1]).astype(np.int32)


cdef _order(
    const int32_t[:, ::1] numbers, const uint16_t[::1] weights, const uint8_t[::1] classes,
    const int64_t[::1] sizes, const int64_t[::1] starts, int32_t[::1] postings,
    int64_t block, size_t span, int32_t[::1] order,
):
    """Run the kernel on arrays that fit together, none of them empty."""
    cdef _similarity.Likeness like
    cdef size_t count = numbers.shape[0]
    cdef int64_t[::1] ends = np.array(starts[1:])
    cdef int32_t[::1] seen = np.zeros(ends.shape[0], dtype=np.int32)
    cdef uint16_t[::1] scores = np.zeros(count, dtype=np.uint16)
    cdef uint8_t[::1] done = np.zeros(count, dtype=np.uint8)
    cdef int32_t[::1] after = np.zeros(count, dtype=np.int32)
    cdef int32_t[::1] before = np.zeros(count, dtype=np.int32)
    like.count = count
    like.columns = numbers.shape[1]
    like.features = &numbers[0, 0]
    like.weights = &weights[0]
    like.classes = &classes[0]
    like.sizes = &sizes[0]
    like.starts = &starts[0]
    like.ends = &ends[0]
    like.postings = &postings[0]
    like.seen = &seen[0]
    like.scores = &scores[0]
    like.done = &done[0]
    like.next = &after[0]
    like.previous = &before[0]
    with nogil:
        _similarity.order_by_likeness(&like, span, block, &order[0])
