# Bindings: sketches and the order by likeness. Follows patterns.pxi.

from libc.stdint cimport INT32_MAX, int32_t, int64_t, uint8_t, uint16_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from ucompress._kernels cimport sharing as _sharing
from ucompress._kernels cimport similarity as _similarity


NO_HASH = 2**64 - 1


cdef Py_ssize_t uc_sketch(
    const uint8_t* data, size_t size, size_t k, size_t length, uint64_t* out
) noexcept nogil:
    """Write the `k` lowest distinct hashes, rising; returns how many there are.

    -1 when memory is short, `length` is out of range or `k` is 0.
    """
    cdef CountTable table
    cdef CountRow* rows = NULL
    cdef Py_ssize_t found = -1
    cdef Py_ssize_t i
    if length < 1 or length > DMER_LIMIT or k < 1:
        return -1
    if count_document(&table, data, size, length, <uint64_t>0xFFFFFFFFFFFFFFFF, k, 0) == 0:
        rows = <CountRow*>malloc((table_size(&table) + 1) * sizeof(CountRow))
    if rows != NULL:
        found = <Py_ssize_t>table_size(&table)
        table_rows(&table, rows)
        for i in range(found):
            out[i] = rows[i].hash
    free(rows)
    table_free(&table)
    return found


def sketch(data, k=16, length=16):
    """The `k` lowest distinct hashes of the d-mers of `data`, rising: a bottom-k sketch.

    Args:
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
    cdef size_t most = _checked(k, "k", 1, 1 << 30)
    cdef _Borrowed source = _Borrowed(data)
    hashes = np.empty(min(most, source.size), dtype=np.uint64)
    cdef _Borrowed target = _Borrowed(hashes, True)
    cdef Py_ssize_t found
    with nogil:
        found = uc_sketch(source.data, source.size, most, d, <uint64_t*>target.data)
    if found < 0:
        raise MemoryError("no memory for a sketch")
    return hashes[:found].copy()


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
    kinds = np.array(classes, dtype=np.uint8)
    lengths = np.array(sizes, dtype=np.int64)
    if table.ndim != 2 or not len(kinds) == len(lengths) == len(table) or kinds.ndim + lengths.ndim != 2:
        raise ValueError("features, classes and sizes must have one row for each content")
    count, columns = table.shape
    scales = np.ones(columns, dtype=np.uint16) if weights is None else np.array(weights, dtype=np.uint16)
    if scales.shape != (columns,) or (scales == 0).any():
        raise ValueError("weights must be positive, one for each column")
    if columns and columns * int(scales.max()) >= _similarity.SCORES:
        raise ValueError("the number of columns times the greatest weight must be less than 1024")
    cdef int64_t bytes_together = _checked(block, "block", 1, _FARTHEST)
    cdef size_t most = _checked(span, "span", 1, _FARTHEST)
    order = np.empty(count, dtype=np.int32)
    cdef _Borrowed rows = _Borrowed(table)
    cdef _Borrowed kind = _Borrowed(kinds)
    cdef _Borrowed size = _Borrowed(lengths)
    cdef _Borrowed factors = _Borrowed(scales)
    cdef _Borrowed target = _Borrowed(order, True)
    cdef size_t contents = count, width = columns
    cdef int status
    with nogil:
        status = uc_order_by_likeness(
            <const uint64_t*>rows.data, contents, width, kind.data, <const int64_t*>size.data,
            <const uint16_t*>factors.data, bytes_together, most, <int32_t*>target.data,
        )
    if status:
        raise MemoryError("no memory for the order of contents")
    return order


cdef int uc_order_by_likeness(
    const uint64_t* features, size_t count, size_t columns, const uint8_t* classes, const int64_t* sizes,
    const uint16_t* weights, int64_t block, size_t span, int32_t* order
) noexcept nogil:
    """Fill `order` with a permutation of 0 .. count - 1.

    Returns 0, or -1 when memory is short or a value is out of range; `order` is as it was then.
    """
    cdef _similarity.Likeness like
    cdef size_t column
    cdef int status = -1
    if block < 1 or span < 1 or count > INT32_MAX:
        return -1
    for column in range(columns):
        if weights[column] == 0 or columns * weights[column] >= _similarity.SCORES:
            return -1
    if columns and count > INT32_MAX // columns:
        return -1
    memset(&like, 0, sizeof(like))
    like.count = count
    like.columns = columns
    like.weights = weights
    like.classes = classes
    like.sizes = sizes
    if _share(&like, features) == 0 and _make_scratch(&like) == 0:
        _similarity.order_by_likeness(&like, min(span, <size_t>INT32_MAX), block, order)
        status = 0
    free(<void*>like.features)
    free(<void*>like.starts)
    free(like.postings)
    free(like.ends)
    free(like.seen)
    free(like.scores)
    free(like.done)
    free(like.next)
    free(like.previous)
    return status


cdef int _share(_similarity.Likeness* like, const uint64_t* features) noexcept nogil:
    """Number the features that are shared; -1 when memory is short."""
    cdef size_t total = like.count * like.columns
    cdef int32_t* numbers = <int32_t*>malloc((total + 1) * sizeof(int32_t))
    cdef int64_t* starts = <int64_t*>malloc((total // 2 + 1) * sizeof(int64_t))
    cdef _sharing.Item* items = <_sharing.Item*>malloc(
        (_sharing.ITEM_SETS * total + 1) * sizeof(_sharing.Item)
    )
    cdef int status = -1
    like.features = numbers
    like.starts = starts
    like.postings = <int32_t*>malloc((total + 1) * sizeof(int32_t))
    if numbers != NULL and starts != NULL and items != NULL and like.postings != NULL:
        like.shared = _sharing.number_shared(
            features, like.count, like.columns, items, numbers, starts, like.postings
        )
        status = 0
    free(items)
    return status


cdef int _make_scratch(_similarity.Likeness* like) noexcept nogil:
    """Allocate what the kernel needs; -1 when memory is short."""
    like.ends = <int64_t*>malloc((like.shared + 1) * sizeof(int64_t))
    like.seen = <int32_t*>calloc(like.shared + 1, sizeof(int32_t))
    like.scores = <uint16_t*>calloc(like.count + 1, sizeof(uint16_t))
    like.done = <uint8_t*>calloc(like.count + 1, 1)
    like.next = <int32_t*>calloc(like.count + 1, sizeof(int32_t))
    like.previous = <int32_t*>calloc(like.count + 1, sizeof(int32_t))
    if (like.ends == NULL or like.seen == NULL or like.scores == NULL or like.done == NULL
            or like.next == NULL or like.previous == NULL):
        return -1
    memcpy(like.ends, like.starts + 1, like.shared * sizeof(int64_t))
    return 0
