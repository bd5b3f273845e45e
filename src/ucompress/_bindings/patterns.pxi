# Patterns: rolling hash, sampled counts, places, growth, exact counts.

from cpython.pythread cimport (
    PyThread_acquire_lock,
    PyThread_allocate_lock,
    PyThread_free_lock,
    PyThread_release_lock,
    WAIT_LOCK,
)
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

from ucompress._kernels.count_table cimport (
    CountRow,
    CountTable,
    table_begin,
    table_free,
    table_init,
    table_rows,
    table_settle,
    table_size,
)
from ucompress._kernels.counting cimport table_merge, table_scan
from ucompress._kernels.sampling cimport (
    DMER_LIMIT,
    SAMPLE_SPAN,
    Sample,
    Sampler,
    hash_dmers,
    sampler_begin,
    sampler_init,
)


HIGHEST_HASH = (1 << 64) - 1


cdef int uc_rolling_hash(const uint8_t* data, size_t size, size_t length, uint64_t* out) noexcept nogil:
    """Mixed hashes of all size - length + 1 d-mers; -1 when `length` is out of range."""
    if length < 1 or length > DMER_LIMIT:
        return -1
    hash_dmers(data, size, length, out)
    return 0


cdef Py_ssize_t uc_count_patterns(
    const uint8_t* data, size_t size, size_t length, uint64_t threshold, uint32_t document,
    CountRow* rows, size_t room
) noexcept nogil:
    """Count one document's sampled d-mers and write the `room` lowest rows.

    Returns how many rows there are (more than `room`: call again with more), -1 when memory is
    short or `length` is out of range.
    """
    cdef CountTable table
    cdef Py_ssize_t found = -1
    if length < 1 or length > DMER_LIMIT:
        return -1
    if count_document(&table, data, size, length, threshold, 0, document) == 0:
        found = <Py_ssize_t>table_size(&table)
        table.capacity = room
        if room:
            table_rows(&table, rows)
    table_free(&table)
    return found


cdef int count_document(
    CountTable* table, const uint8_t* data, size_t size, size_t length, uint64_t threshold, size_t capacity,
    uint32_t document,
) noexcept nogil:
    """A fresh table with the counts of one document; -1 when memory is short (free it all the same)."""
    cdef Sampler sampler
    cdef Sample* scratch = <Sample*>malloc(min(size + 1, <size_t>SAMPLE_SPAN) * sizeof(Sample))
    # Half of the samples that an even spread of hashes would give, within reason.
    cdef size_t expected = <size_t>((threshold >> 32) * (size >> 1) >> 32) if size >> 32 == 0 else 0
    cdef int status = table_init(table, capacity, threshold, min(expected, <size_t>1 << 16))
    if scratch == NULL:
        status = -1
    if status == 0:
        sampler_init(&sampler, length, threshold)
        table_begin(table)
        status = table_scan(table, &sampler, data, size, document, scratch)
    if status == 0:
        status = table_settle(table)
    free(scratch)
    return status


def rolling_hash(data, length=16):
    """Mixed rolling hash of every d-mer.

    Args:
        data: any C-contiguous buffer.
        length: d, bytes of a d-mer, from 1 to 256.

    Returns an array of dtype uint64, one value for each position at which a d-mer fits; empty
    when the buffer is shorter than a d-mer.

    >>> rolling_hash(b"abcabc", 3).tolist()[0] == rolling_hash(b"abcabc", 3).tolist()[3]
    True
    """
    cdef size_t d = _checked(length, "length", 1, DMER_LIMIT)
    cdef _Borrowed source = _Borrowed(data)
    hashes = np.empty(max(0, <Py_ssize_t>source.size - <Py_ssize_t>d + 1), dtype=np.uint64)
    cdef _Borrowed target = _Borrowed(hashes, True)
    with nogil:
        hash_dmers(source.data, source.size, d, <uint64_t*>target.data)
    return hashes


def count_patterns(data, length=16, *, threshold=HIGHEST_HASH, document=0):
    """Counts of the sampled d-mers of one document.

    Args:
        data: the document, any C-contiguous buffer.
        length: d, bytes of a d-mer, from 1 to 256.
        threshold: highest hash that is counted; 2**64 // n - 1 samples one in n.
        document: the document's number, from 0 to 2**32 - 1.

    Returns a structured array of dtype COUNT_DTYPE, sorted by hash: one row for each distinct
    hash, with its positions (`frequency`), `documents` = 1, and its lowest place
    (`document`, `offset`). Raises ValueError for values out of range.

    >>> count_patterns(b"a tree, a tree", 6)["frequency"].max()
    2
    """
    cdef size_t d = _checked(length, "length", 1, DMER_LIMIT)
    cdef uint64_t highest = _checked(threshold, "threshold", 0, HIGHEST_HASH)
    cdef uint32_t ordinal = _checked(document, "document", 0, 0xFFFFFFFF)
    cdef _Borrowed source = _Borrowed(data)
    cdef CountTable table
    cdef int status
    try:
        with nogil:
            status = count_document(&table, source.data, source.size, d, highest, 0, ordinal)
        if status:
            raise MemoryError("no memory for the counts of a document")
        return _table_array(&table)
    finally:
        table_free(&table)


cdef object _table_array(const CountTable* table):
    """The rows as a new array."""
    rows = np.empty(table_size(table), dtype=_dtype("COUNT_DTYPE"))
    cdef _Borrowed target = _Borrowed(rows, True)
    table_rows(table, <CountRow*>target.data)
    return rows


def merge_counts(tables, *, capacity=0):
    """One table from the tables of distinct documents.

    Args:
        tables: structured arrays of dtype COUNT_DTYPE, in any order, rows in any order.
        capacity: keep this many lowest hashes; 0 keeps all.

    Frequencies and documents add (and saturate), places keep the lowest. Merging is associative
    and commutative: any split of the documents and any order gives the same bytes. Raises
    ValueError for arrays of another dtype.
    """
    arrays = [_checked_rows(rows, _dtype("COUNT_DTYPE")) for rows in tables]
    # The counter spreads its rows over the hashes up to its threshold: one that no row comes near
    # would leave them all in one corner.
    highest = max((int(rows["hash"].max()) for rows in arrays if len(rows)), default=HIGHEST_HASH)
    cdef PatternCounter counter = PatternCounter(threshold=highest, capacity=capacity)
    for rows in arrays:
        counter.merge(rows)
    return counter.counts()


cdef Py_ssize_t uc_merge_counts(
    const CountRow* rows, size_t count, size_t capacity, CountRow* out, size_t room
) noexcept nogil:
    """Join the rows of all tables, laid end to end, and write the `room` lowest.

    Returns how many rows there are (never more than `count`), -1 when memory is short.
    """
    cdef CountTable table
    cdef Py_ssize_t found = -1
    cdef uint64_t highest = 0
    cdef size_t i
    for i in range(count):
        highest = max(highest, rows[i].hash)
    if table_init(&table, capacity, highest, 0) == 0:
        if table_merge(&table, rows, count, NULL) == 0 and table_settle(&table) == 0:
            found = <Py_ssize_t>table_size(&table)
            table.capacity = min(room, <size_t>found)
            if table.capacity:
                table_rows(&table, out)
    table_free(&table)
    return found


cdef class PatternCounter:
    """Counts the sampled d-mers of many documents in bounded memory.

    Args:
        length: d, bytes of a d-mer, from 1 to 256.
        threshold: highest hash that is counted at the start.
        capacity: most rows kept; when more are found, the threshold falls and the lowest hashes
            stay (bottom-k). 0 sets no bound.

    The counts do not depend on how documents are split over counters, nor on their order:
    counters that are merged give the bytes of one counter that saw everything. A document must
    go to one counter, once. Calls from several threads wait for each other.
    """

    def __cinit__(self, length=16, threshold=HIGHEST_HASH, capacity=0):
        cdef size_t d = _checked(length, "length", 1, DMER_LIMIT)
        cdef uint64_t highest = _checked(threshold, "threshold", 0, HIGHEST_HASH)
        cdef size_t most = _checked(capacity, "capacity", 0, 1 << 30)
        sampler_init(&self.sampler, d, highest)
        self.lock = PyThread_allocate_lock()
        self.scratch = <Sample*>malloc(SAMPLE_SPAN * sizeof(Sample))
        if table_init(&self.table, most, highest, 0) or self.scratch == NULL or self.lock == NULL:
            raise MemoryError("no memory for a pattern counter")

    def __dealloc__(self):
        table_free(&self.table)
        free(self.scratch)
        if self.lock != NULL:
            PyThread_free_lock(self.lock)

    def __len__(self):
        cdef size_t rows
        cdef int status
        with nogil:
            PyThread_acquire_lock(self.lock, WAIT_LOCK)
            status = table_settle(&self.table)
            rows = table_size(&self.table)
            PyThread_release_lock(self.lock)
        if status:
            raise MemoryError("no memory for more pattern counts")
        return rows

    @property
    def length(self):
        """Bytes of a d-mer."""
        return self.sampler.length

    @property
    def threshold(self):
        """Highest hash that is still counted."""
        return self.table.threshold

    @property
    def capacity(self):
        """Most rows kept; 0 is no bound."""
        return self.table.capacity

    @property
    def nbytes(self):
        """Bytes of memory in use."""
        rows = self.table.room + self.table.waiting_room
        return rows * sizeof(CountRow) + SAMPLE_SPAN * sizeof(Sample) + sizeof(Sampler)

    @property
    def _steps(self):
        """Slots gone past or moved for new rows so far: what crowded hashes have cost."""
        return self.table.steps

    def update(self, data, document=0):
        """Count one whole document; another thread's comes before or after it."""
        cdef uint32_t ordinal = _checked(document, "document", 0, 0xFFFFFFFF)
        cdef _Borrowed source = _Borrowed(data)
        uc_counter_update(self, source.data, source.size, ordinal)

    def begin(self, document=0):
        """Open a document; the windows given to `feed` from here on are its bytes, in order."""
        cdef uint32_t ordinal = _checked(document, "document", 0, 0xFFFFFFFF)
        with nogil:
            PyThread_acquire_lock(self.lock, WAIT_LOCK)
            self.document = ordinal
            sampler_begin(&self.sampler)
            table_begin(&self.table)
            PyThread_release_lock(self.lock)

    def feed(self, data):
        """Count the next window of the open document; windows follow each other without overlap."""
        cdef _Borrowed source = _Borrowed(data)
        cdef int status
        with nogil:
            status = counter_feed(self, source.data, source.size, NULL)
        if status:
            raise MemoryError("no memory for more pattern counts")

    def merge(self, rows, document=None):
        """Add the counts of other documents.

        `document` replaces the number in all the rows: for the counts of one document that were
        kept from an earlier time, when it had another number.
        """
        cdef uint32_t ordinal = 0 if document is None else _checked(document, "document", 0, 0xFFFFFFFF)
        cdef const uint32_t* number = NULL if document is None else &ordinal
        cdef _Borrowed source = _Borrowed(_checked_rows(rows, _dtype("COUNT_DTYPE")))
        cdef int status
        with nogil:
            PyThread_acquire_lock(self.lock, WAIT_LOCK)
            status = table_merge(
                &self.table, <const CountRow*>source.data, source.size // sizeof(CountRow), number
            )
            PyThread_release_lock(self.lock)
        if status:
            raise MemoryError("no memory for more pattern counts")

    def counts(self):
        """The rows so far, sorted by hash."""
        cdef int status
        with nogil:
            PyThread_acquire_lock(self.lock, WAIT_LOCK)
            status = table_settle(&self.table)
        try:
            if status:
                raise MemoryError("no memory for more pattern counts")
            return _table_array(&self.table)
        finally:
            PyThread_release_lock(self.lock)


cdef int counter_feed(
    PatternCounter counter, const uint8_t* data, size_t size, const uint32_t* document
) noexcept nogil:
    """Count the next window, or a whole document of this number; -1 when memory is short."""
    cdef int status
    PyThread_acquire_lock(counter.lock, WAIT_LOCK)
    if document != NULL:
        counter.document = document[0]
        sampler_begin(&counter.sampler)
    if document != NULL or counter.table.turn == 0:
        table_begin(&counter.table)
    status = table_scan(&counter.table, &counter.sampler, data, size, counter.document, counter.scratch)
    PyThread_release_lock(counter.lock)
    return status


cdef int uc_counter_update(
    PatternCounter counter, const uint8_t* data, size_t size, uint32_t document
) except -1:
    """`PatternCounter.update` for C callers; raises MemoryError."""
    cdef int status
    with nogil:
        status = counter_feed(counter, data, size, &document)
    if status:
        raise MemoryError("no memory for more pattern counts")
    return 0
