# Dictionary: windows of documents, offered and chosen.

from libc.string cimport memset

from ucompress._kernels.cover cimport Choice, cover_select
from ucompress._kernels.points cimport (
    SLICE_BYTES,
    Point,
    Points,
    points_scan,
    points_weigh,
    store_add,
    store_close,
    table_close,
    table_open,
)
from ucompress._kernels.windows cimport Pool, pool_close, pool_open, window_cut


cdef enum:
    LARGEST_BUILT = 1 << 30     # bytes of a dictionary; the codecs take less
    SHORTEST_DMER = 4
    LONGEST_DMER = 64
    FRAGMENT_BYTES = 128
    WINDOWS_PER_MIB = 1024      # of capacity: about three times what can be chosen
    POINTS_LIMIT = 1 << 22
    PIECE_BYTES = 16384         # of a single sample buffer
    DENSEST_SAMPLE = 2          # one d-mer in 4
    MOST_SAMPLED = 1 << 20


cdef class DictionaryBuilder:
    """Chooses the windows of a dictionary from the documents of a corpus.

    A window is up to 4,096 contiguous bytes of a document. Its score is the number of *other*
    documents that have each of its sampled d-mers. The best window is taken, its d-mers count no
    more, and so on: lazy greedy cover, as in zstd's COVER trainer, over windows instead of short
    segments. Documents are best the units that are coded alone: a d-mer that stands ten times in
    one block saves nothing, for the block itself has it already.

    Documents may be offered in any order and from several threads: the choice is the same.

    Args:
        counts: array of COUNT_DTYPE, the merged sample of the corpus. Rows with
            `frequency` below 2 are left out; nothing but `hash` and `frequency` is read.
        length: d, the length of the counted d-mers, from 4 to 64 bytes.
        capacity: the largest dictionary that will be asked for, in bytes.
        threshold: highest hash that was sampled; None takes the highest in `counts`.
        weight_limit: a d-mer counts as if at most this many other documents had it.

    Memory: up to 24 bytes for each row of `counts`, 64 MiB for places, and what `capacity`
    windows of a few hundred bytes take; `nbytes` tells.

    Raises ValueError for another dtype or values out of range.
    """

    def __cinit__(self, counts, length=16, capacity=8 << 20, *, threshold=None, weight_limit=0xFFFF):
        cdef uint32_t d = _checked(length, "length", SHORTEST_DMER, LONGEST_DMER)
        self.capacity = _checked(capacity, "capacity", 1, LARGEST_BUILT)
        self.weight_limit = _checked(weight_limit, "weight_limit", 1, 0xFFFF)
        rows = _checked_rows(counts, _dtype("COUNT_DTYPE"))
        if threshold is None:
            threshold = int(rows["hash"].max()) if len(rows) else HIGHEST_HASH
        cdef uint64_t highest = _checked(threshold, "threshold", 0, HIGHEST_HASH)
        hashes = np.sort(rows["hash"][rows["frequency"] >= 2])
        # Not by np.unique, which loads numpy.ma to ask whether there is a mask.
        hashes = hashes[np.append(np.diff(hashes) != 0, True)[:len(hashes)]]
        cdef _Borrowed source = _Borrowed(hashes)
        cdef size_t count = source.size // sizeof(uint64_t)
        self.lock = PyThread_allocate_lock()
        if self.lock == NULL or table_open(
            &self.table, <const uint64_t*>source.data, count, d
        ):
            raise MemoryError("no memory for a dictionary builder")
        self.table.threshold = highest
        sampler_init(&self.sampler, d, min(highest, self.table.highest))
        self.store.limit = POINTS_LIMIT

    def __dealloc__(self):
        table_close(&self.table)
        store_close(&self.store)
        if self.lock != NULL:
            PyThread_free_lock(self.lock)

    @property
    def nbytes(self):
        """Bytes of memory in use."""
        return (
            self.table.count * sizeof(self.table.entries[0])
            + (self.table.buckets + 1) * sizeof(uint32_t)
            + self.store.points.room * sizeof(Point)
            + self.store.room * sizeof(self.store.slices[0])
        )

    def offer(self, data, document=0, offset=0):
        """Find the shared d-mers of a document.

        Args:
            data: the document, or a piece of it, any C-contiguous buffer. Pieces begin and end at
                multiples of 1 MiB of the document.
            document: its number, from 0 to 2**32 - 1.
            offset: where the piece begins in the document, in bytes.
        """
        cdef uint32_t ordinal = _checked(document, "document", 0, 0xFFFFFFFF)
        cdef uint64_t start = _checked(offset, "offset", 0, 1 << 62)
        cdef _Borrowed source = _Borrowed(data)
        cdef int status
        with nogil:
            status = uc_dictionary_offer(self, source.data, source.size, ordinal, start)
        if status:
            raise MemoryError("no memory for the places of a document")

    def select(self, size):
        """Choose windows of at most `size` bytes in all.

        Args:
            size: in bytes, at most `capacity`.

        Returns an array of WINDOW_DTYPE, best window first: `document`, `offset` and `length` in
        bytes, `score` (comparable within one choice). No byte of a document is in two windows.
        It ends early when what is left would save less than it takes.
        """
        cdef uint64_t limit = _checked(size, "size", 0, self.capacity)
        cdef size_t room = <size_t>(limit // FRAGMENT_BYTES + 1)
        choices = np.empty(room, dtype=_dtype("WINDOW_DTYPE"))
        cdef _Borrowed target = _Borrowed(choices, True)
        cdef Choice* out = <Choice*>target.data
        cdef Py_ssize_t count
        with nogil:
            count = uc_dictionary_select(self, limit, out, room)
        if count < 0:
            raise MemoryError("no memory for choosing a dictionary")
        return choices[:count].copy()


cdef int uc_dictionary_offer(
    DictionaryBuilder builder, const uint8_t* data, size_t size, uint32_t document, uint64_t offset
) noexcept nogil:
    """Scan a piece of a document, slice by slice; -1 without memory."""
    cdef Points points
    cdef Sample* scratch = <Sample*>malloc(SAMPLE_SPAN * sizeof(Sample))
    cdef size_t at = 0, stop
    cdef int status = -1 if scratch == NULL else 0
    memset(&points, 0, sizeof(Points))
    while at < size and status == 0:
        stop = at + SLICE_BYTES - <size_t>((offset + at) % SLICE_BYTES)
        if stop > size:
            stop = size
        points.count = 0
        status = points_scan(&builder.table, &builder.sampler, data + at, stop - at, scratch, &points)
        if status == 0 and points.count:
            status = _store(builder, &points, document, offset + at, <uint32_t>(stop - at))
        at = stop
    free(points.items)
    free(scratch)
    return status


cdef int _store(
    DictionaryBuilder builder, Points* points, uint32_t document, uint64_t offset, uint32_t size
) noexcept nogil:
    """Add a slice's points under the lock; -1 without memory."""
    cdef int status
    PyThread_acquire_lock(builder.lock, WAIT_LOCK)
    status = store_add(&builder.store, &builder.table, points, document, offset, size)
    PyThread_release_lock(builder.lock)
    return status


cdef Py_ssize_t uc_dictionary_select(
    DictionaryBuilder builder, uint64_t size, Choice* choices, size_t room
) noexcept nogil:
    """Choose at most `room` windows, best first; their number, or -1 without memory."""
    cdef Pool pool
    cdef size_t i, limit = <size_t>(1024 + builder.capacity * WINDOWS_PER_MIB // (1 << 20))
    cdef Py_ssize_t chosen = -1
    cdef uint64_t worth
    PyThread_acquire_lock(builder.lock, WAIT_LOCK)
    if pool_open(&pool, &builder.table, limit) == 0:
        points_weigh(&builder.store, &builder.table, builder.weight_limit)
        chosen = 0
        for i in range(builder.store.count):
            if chosen == 0:
                chosen = window_cut(
                    &builder.table, &pool,
                    builder.store.points.items + builder.store.slices[i].first, &builder.store.slices[i],
                )
        worth = _bytes_per_point(builder.table.threshold)
        if chosen == 0:
            chosen = cover_select(&builder.table, &pool, size, worth, choices, room)
    pool_close(&pool)
    PyThread_release_lock(builder.lock)
    return chosen


cdef uint64_t _bytes_per_point(uint64_t threshold) noexcept nogil:
    """How many bytes one sampled d-mer stands for, in 1/65536."""
    return min(<uint64_t>0xFFFFFFFFFFFFFFFF // ((threshold >> 16) + 1), <uint64_t>1 << 34)


def build_dictionary(samples, size, *, length=16):
    """A dictionary from samples: what most of them have in common, best content last.

    Args:
        samples: a sequence of buffers, each of which will be coded alone; or one buffer, which is
            taken as many of 16 KiB.
        size: the most bytes that it may have. It is shorter when less is worth keeping.
        length: d-mers are counted that have this many bytes, from 4 to 64.

    Returns bytes. Every suffix of them is a smaller dictionary. The same samples give the same
    bytes; empty when the samples share nothing. Raises ValueError for values out of range.
    """
    _checked(size, "size", 0, LARGEST_BUILT)
    if isinstance(samples, (bytes, bytearray, memoryview, np.ndarray)):
        whole = memoryview(samples).cast("B")
        documents = [whole[at : at + PIECE_BYTES] for at in range(0, len(whole), PIECE_BYTES)]
    else:
        documents = [memoryview(sample).cast("B") for sample in samples]
    shift = DENSEST_SAMPLE
    while sum(map(len, documents)) >> shift > MOST_SAMPLED:
        shift += 1
    threshold = HIGHEST_HASH >> shift
    counter = PatternCounter(length, threshold)
    for ordinal, document in enumerate(documents):
        counter.update(document, ordinal)
    builder = DictionaryBuilder(counter.counts(), length, max(size, 1), threshold=threshold)
    for ordinal, document in enumerate(documents):
        builder.offer(document, ordinal)
    windows = builder.select(size)[::-1]
    return b"".join(
        documents[window["document"]][window["offset"] : window["offset"] + window["length"]]
        for window in windows
    )
